package node

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
)

// talkative runs a node that logs everything, with more keys of as4.
func talkative(t *testing.T, pkiDir, seat, as4 string, hook func(string)) *tested {
	t.Helper()
	file := nodeFile(t, pkiDir, seat, "")
	rewrite(t, file, "as4:\n", "as4:\n"+as4)
	return runNodeWith(t, file, Options{Log: zerolog.New(nil).Level(zerolog.DebugLevel), Hook: hook})
}

// rewrite changes a text in a file, which must be there.
func rewrite(t *testing.T, file, old, text string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("no %q in %s: %v", old, file, err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), old, text, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// post sends a request with a body that is no message, and returns the status.
func (n *tested) post(t *testing.T, path string, header ...string) int {
	t.Helper()
	conn, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the answer was read
	text := "POST " + path + " HTTP/1.1\r\nHost: b\r\nContent-Type: application/soap+xml\r\nContent-Length: 3\r\n" +
		strings.Join(header, "") + "\r\nabc"
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// await waits until there are so many lines with a message, and returns them.
func (n *tested) await(t *testing.T, message string, count int) []map[string]any {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if list := n.Log.lines(t, message); len(list) >= count {
			return list
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %d lines %q", count, message)
		}
	}
}

// number is the value of a field.
func number(line map[string]any, field string) int {
	v, _ := line[field].(float64)
	return int(v)
}

// Thousands of refusals of a stranger leave a few lines, the count of the others, and nothing at level error.
func TestRefusalsAreLimited(t *testing.T) {
	_, dir := testPKI(t)
	// the server may see late that a client has closed its connection
	n := talkative(t, dir, "POP900002", "  connections: 1000\n  connections_per_source: 1000\n", nil)
	const sent = 600
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range sent / 20 {
				if status := n.post(t, "/as4"); status != http.StatusBadRequest {
					t.Errorf("HTTP %d", status)
				}
			}
		})
	}
	wg.Wait()
	if status := n.post(t, "/other"); status != http.StatusNotFound {
		t.Errorf("HTTP %d", status)
	}
	n.end(t)
	refused, left := n.Log.lines(t, "refused"), 0
	for _, l := range n.Log.lines(t, "lines left out") {
		if l["kind"] != "refused soap  400" || l["source"] != "127.0.0.1" {
			t.Errorf("left out: %v", l)
		}
		left += number(l, "left_out")
	}
	if len(refused) > 30 || len(refused)+left != sent+1 {
		t.Errorf("%d lines and %d left out, of %d", len(refused), left, sent+1)
	}
	if last := refused[len(refused)-1]; last["status"] != 404.0 {
		t.Errorf("another kind of refusal was drowned: %v", last)
	}
	for _, l := range n.Log.lines(t, "") {
		if l["level"] == "error" {
			t.Errorf("a stranger causes an error: %v", l)
		}
	}
}

// The line of a refusal names who and with what, in a form that cannot be taken for something else (SEC-150).
func TestSEC150RefusalLine(t *testing.T) {
	_, dir := testPKI(t)
	n := talkative(t, dir, "POP900002", "  trusted_proxies: [127.0.0.1]\n", nil)
	agent := "evil/1.0 \u202e\u2028" + strings.Repeat("ø", 1000)
	if status := n.post(t, "/as4", "User-Agent: "+agent+
		"\r\nX-Forwarded-For: 2001:db8::7\r\n"); status != http.StatusBadRequest {
		t.Errorf("HTTP %d", status)
	}
	l := n.await(t, "refused", 1)[0]
	want := `evil/1.0 \u202e\u2028` + strings.Repeat("ø", 118)
	if got := fmt.Sprint(l["agent"]); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "…") ||
		len(got) > 2*maxText {
		t.Errorf("agent: %q", got)
	}
	for field, want := range map[string]any{
		"level": "warn", "dir": "in", "step": "soap", "status": 400.0, "remote": "2001:db8::7", "proxy": "127.0.0.1",
		"source": "2001:db8::/64", "bytes": 3.0,
	} {
		if l[field] != want {
			t.Errorf("%s: %v, want %v", field, l[field], want)
		}
	}
	if id := fmt.Sprint(l["tx"]); len(id) != 36 || l["id"] != nil {
		t.Errorf("tx %q, id %v", id, l["id"])
	}
}

// SEC-150.
func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain æøå": "plain æøå", "a\r\nb\x1b[31m\x00": `a\u000d\u000ab\u001b[31m\u0000`,
		"\u202egnp\u200b\ufeff": `\u202egnp\u200b\ufeff`, "\xff": "\ufffd",
		strings.Repeat("x", 300):       strings.Repeat("x", 256) + "…",
		strings.Repeat("x", 255) + "ø": strings.Repeat("x", 255) + "…",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// All lines about a message have one id under one name, those about a repeat as well; it is the id of the record.
func TestOneIDPerMessage(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), talkative(t, dir, "POP900002", "", nil)
	to.serve(t, c4, billing, process)
	m, job, err := from.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(golden.Read(t, samples[0])),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Attempt(t.Context(), m, job, to.peer()); err != nil {
		t.Fatal(err)
	}
	to.inbox(t, 1)
	m, err = from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	body, err := from.Blobs.Open(t.Context(), m.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(to.URL(), m.SealedType, body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	_ = res.Body.Close() // only the log matters
	received := to.await(t, "received", 2)
	page, err := to.Store.List(t.Context(), db.DefaultTenant, store.Filter{Direction: store.In, Limit: 2})
	list := page.Found
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	for i, l := range append(received, to.await(t, "delivered", 1)...) {
		if l["tx"] != list[0].ID || l["message_id"] != m.MessageID || l["level"] != "info" ||
			(l["duplicate"] == true) != (i == 1) {
			t.Errorf("line %d: %v, want tx %s", i, l, list[0].ID)
		}
	}
}

// While there is not room on the disk for two messages of the largest size no message is admitted, and it is admitted
// again when there is. Of a small disk no more than a tenth is asked for.
func TestREL074NoMessagesForAFullDisk(t *testing.T) {
	n, _ := idleNode(t)
	largest := uint64(n.Config.AS4.MaxBytes)
	for _, tc := range []struct {
		what        string
		free, total uint64
		err         error
		cause       string
	}{
		{"room for two", 2 * largest, 1000 * largest, nil, ""},
		{"not room for two", 2*largest - 1, 1000 * largest, nil, causeDisk},
		{"nothing", 0, 1000 * largest, nil, causeDisk},
		{"a tenth of a small disk", largest / 10, largest, nil, ""},
		{"less than a tenth of a small disk", largest/10 - 1, largest, nil, causeDisk},
		{"a disk that does not answer", 1000 * largest, 1000 * largest, errors.New("stale handle"), causeStorage},
	} {
		var asked string
		n.opts.DiskSpace = func(dir string) (uint64, uint64, error) { asked = dir; return tc.free, tc.total, tc.err }
		n.health.checked = time.Time{}
		var u *unready
		if err := n.ready(); errors.As(err, &u) != (tc.cause != "") || u != nil && u.cause != tc.cause ||
			asked != n.spool {
			t.Errorf("%s: %v, asked about %s", tc.what, err, asked)
		}
	}
}

// A 503 says why, in the log; what keeps us from accepting is an error, once, and its end is told.
func TestREL060Causes(t *testing.T) {
	_, dir := testPKI(t)
	n := talkative(t, dir, "POP900002", "  connections_per_source: 1\n", nil)
	n.health.mu.Lock()
	n.health.checked, n.health.disk = time.Now().Add(time.Hour), &unready{cause: causeDisk}
	n.health.mu.Unlock()
	connected := func(want int) { // one connection of the source is allowed, and the server ends it a little later
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); n.gate.Held().Connections != want; time.Sleep(
			time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections, want %d", n.gate.Held().Connections, want)
			}
		}
	}
	for range 3 {
		if status := n.post(t, "/as4"); status != http.StatusServiceUnavailable {
			t.Errorf("HTTP %d", status)
		}
		connected(0)
	}
	for _, l := range n.await(t, "refused", 3) {
		if l["cause"] != "the disk is nearly full" || l["level"] != "warn" {
			t.Errorf("%v", l)
		}
	}
	n.health.mu.Lock()
	n.health.disk = nil
	n.health.mu.Unlock()
	n.await(t, "accepting messages again", 1)
	if list := n.Log.lines(t, "no messages are accepted"); len(list) != 1 || list[0]["level"] != "error" ||
		list[0]["cause"] != "the disk is nearly full" {
		t.Errorf("%v", list)
	}
	err := errors.New("the database is gone")
	n.health.fatal.Store(&err)
	n.post(t, "/as4")
	if l := n.await(t, "refused", 4)[3]; l["cause"] != "the storage failed" ||
		!strings.Contains(fmt.Sprint(l["error"]), "try again later") {
		t.Errorf("%v", l)
	}
	if l := n.await(t, "no messages are accepted", 2)[1]; !strings.Contains(fmt.Sprint(l["error"]), err.Error()) {
		t.Errorf("%v", l)
	}
	n.health.fatal.Store(nil)
	connected(0)

	hold, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Close() }() // it was only there
	connected(1)
	second, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err == nil {
		t.Error("a second connection of the source is served")
	}
	if l := n.await(t, "connection closed", 1)[0]; l["cause"] != "intake: too many connections of this source" ||
		l["source"] != "127.0.0.1" || l["level"] != "warn" {
		t.Errorf("%v", l)
	}
}

// A panic of ours is an error with its stack, once; it is answered; the next one is counted. One behind the answer,
// which net/http catches, likewise.
func TestSEC037PanicsAreLogged(t *testing.T) {
	_, dir := testPKI(t)
	var at atomic.Value
	at.Store("receive.soap")
	n := talkative(t, dir, "POP900002", "", func(point string) {
		if point == at.Load() {
			panic("a fault at " + point)
		}
	})
	for range 3 {
		if status := n.post(t, "/as4"); status != http.StatusInternalServerError {
			t.Errorf("HTTP %d", status)
		}
	}
	at.Store("receive.end")
	if status := n.post(t, "/as4"); status != http.StatusBadRequest {
		t.Errorf("a panic after the answer took the answer away: HTTP %d", status)
	}
	at.Store("")
	other := n.server()
	other.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a fault at another handler") })
	l := listen(t)
	go func() { _ = other.Serve(l) }() // until Close
	for range 2 {
		if res, err := http.Get("http://" + l.Addr().String()); err == nil {
			t.Errorf("HTTP %d", res.StatusCode)
		}
	}
	_ = other.Close()
	n.await(t, "panic", 3)
	n.end(t)
	panics := n.Log.lines(t, "panic")
	if len(panics) != 3 {
		t.Fatalf("%d lines", len(panics))
	}
	for i, point := range []string{"receive.soap", "receive.end", "another handler"} {
		l := panics[i]
		if stack := fmt.Sprint(l["stack"]); l["level"] != "error" ||
			!strings.Contains(fmt.Sprint(l["error"]), "a fault at "+point) || !strings.Contains(stack, "log_test.go") ||
			len(stack) > maxStack {
			t.Errorf("%v", l)
		}
	}
	left := 0
	for _, l := range n.Log.lines(t, "lines left out") {
		if l["kind"] == "panic" && l["level"] == "error" {
			left += number(l, "left_out")
		}
	}
	if left != 3 {
		t.Errorf("%d panics were left out, want 3", left)
	}
}

// Failed handshakes are told of by cause and address, limited; who only connects is a step.
func TestHandshakesAreLogged(t *testing.T) {
	p, dir := testPKI(t)
	file := nodeFile(t, dir, "POP900002", "")
	id, err := p.TLS.Issue(localca.Leaf{CN: "127.0.0.1", DNS: []string{"127.0.0.1"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := localca.EncodeKey(id.Key)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, file, "plain: true", "tls_cert: tls.pem\n  tls_key: tls.key")
	if err := errors.Join(os.WriteFile(filepath.Join(filepath.Dir(file), "tls.pem"), localca.EncodeCerts(id.Cert),
		0o600),
		os.WriteFile(filepath.Join(filepath.Dir(file), "tls.key"), key, 0o600)); err != nil {
		t.Fatal(err)
	}
	n := runNodeWith(t, file, Options{Log: zerolog.New(nil).Level(zerolog.DebugLevel)})
	for range 10 {
		if _, err := tls.Dial("tcp", n.Addr(), &tls.Config{
			MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10,
			InsecureSkipVerify: true,
		}); err == nil {
			t.Error("TLS 1.1 is accepted")
		}
	}
	for text, want := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n":   "HTTP request",
		"\x00\x00\x00\x00\x00\x00": "first record", "": "EOF",
	} {
		conn, err := net.Dial("tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.TCPConn).CloseWrite() // the server ends it
		_, _ = io.ReadAll(conn)
		_ = conn.Close()
		level := "warn"
		if text == "" {
			level = "debug"
		}
		list := n.await(t, "tls handshake failed", 1)
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(fmt.Sprint(list[len(list)-1]["cause"]),
			want) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			list = n.Log.lines(t, "tls handshake failed")
		}
		if l := list[len(list)-1]; !strings.Contains(fmt.Sprint(l["cause"]), want) || l["level"] != level ||
			l["source"] != "127.0.0.1" || !strings.HasPrefix(fmt.Sprint(l["remote"]), "127.0.0.1:") {
			t.Errorf("%q: %v", text, l)
		}
	}
	n.end(t)
	old := 0
	for _, l := range n.Log.lines(t, "tls handshake failed") {
		if strings.Contains(fmt.Sprint(l["cause"]), "unsupported versions") {
			old++
		}
	}
	left := n.Log.lines(t, "lines left out")
	if old != 5 || len(left) != 1 || number(left[0], "left_out") != 5 ||
		!strings.Contains(fmt.Sprint(left[0]["kind"]), "unsupported versions") {
		t.Errorf("%d lines about TLS 1.1, left out: %v", old, left)
	}
}

// SEC-121: a changed TLS certificate is told of once, whether it can be used or not, however many handshakes follow.
func TestTLSReloadIsLogged(t *testing.T) {
	p, _ := testPKI(t)
	dir := t.TempDir()
	type told struct {
		serial string
		failed bool
	}
	var list []told
	cert := &reloading{certFile: filepath.Join(dir, "tls.pem"), keyFile: filepath.Join(dir, "tls.key")}
	cert.reloaded = func(c *tls.Certificate, err error) {
		list = append(list, told{c.Leaf.SerialNumber.String(), err != nil})
	}
	stamp := time.Now()
	write := func(key []byte) (serial string) {
		t.Helper()
		id, err := p.TLS.Issue(localca.Leaf{CN: "127.0.0.1"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if key == nil {
			if key, err = localca.EncodeKey(id.Key); err != nil {
				t.Fatal(err)
			}
		}
		stamp = stamp.Add(time.Minute)
		for name, text := range map[string][]byte{cert.certFile: localca.EncodeCerts(id.Cert), cert.keyFile: key} {
			if err := errors.Join(os.WriteFile(name, text, 0o600), os.Chtimes(name, stamp, stamp)); err != nil {
				t.Fatal(err)
			}
		}
		return id.Cert.SerialNumber.String()
	}
	handshakes := func() {
		t.Helper()
		for range 5 {
			cert.checked = time.Time{}
			if c, err := cert.get(nil); err != nil || c == nil {
				t.Fatal(err)
			}
		}
	}
	first := write(nil)
	handshakes()
	second := write(nil)
	handshakes()
	write([]byte("x"))
	handshakes()
	write([]byte("y"))
	handshakes()
	if err := os.Remove(cert.keyFile); err != nil {
		t.Fatal(err)
	}
	handshakes()
	third := write(nil)
	handshakes()
	want := []told{{second, false}, {second, true}, {second, true}, {second, true}, {third, false}}
	if fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v (first %s)", list, want, first)
	}
}

// SEC-092: a signer or source that is blocked raises an alarm.
func TestSEC092Alarm(t *testing.T) {
	log := &logged{}
	n := &Node{lasting: &lasting{}, opts: Options{Log: zerolog.New(log)}, lines: newLines(zerolog.New(log), time.Now)}
	x := &as4.Exchange{
		ID: "1", C2: "POP900001", Source: "192.0.2.1", Code: "EBMS:0102", Status: 200,
		Err: errors.New("tag"), Authenticated: true,
	}
	for range 30 {
		n.logRefused(x)
	}
	x.Blocked = as4.BlockedSigner
	n.logRefused(x)
	list := log.lines(t, "")
	if l := list[len(list)-1]; l["alarm"] != "decryption" || l["level"] != "warn" || l["c2"] != "POP900001" ||
		l["source"] != "192.0.2.1" || l["blocked"] != "signer" || l["tx"] != "1" {
		t.Errorf("%v", l)
	}
	if len(list) != 21 {
		t.Errorf("%d lines", len(list))
	}
}

// What lies with us is an error beside the refusal, once a minute; what is not is none.
func TestOwnFaults(t *testing.T) {
	for _, tc := range []struct {
		name string
		x    as4.Exchange
		want string // message of the error line
	}{
		{
			"the message could not be stored",
			as4.Exchange{Code: "EBMS:0202", Status: 200, Authenticated: true},
			"a message could not be accepted; its sender repeats it",
		},
		{"no key to sign with", as4.Exchange{Status: 503, Cause: as4.CauseNoKey}, "no key to sign with"},
		{
			"the spool cannot be written",
			as4.Exchange{Status: 503, Cause: as4.CauseSpool},
			"the spool cannot be written",
		},
		{"an internal error", as4.Exchange{Status: 503, Cause: as4.CauseInternal}, "an internal error"},
		{"a full pool", as4.Exchange{Status: 503, Cause: "the working pool is full"}, ""},
		{"a client that went away", as4.Exchange{Status: 503, Cause: "the client went away", Authenticated: true}, ""},
		{"a SOAP fault", as4.Exchange{Status: 500}, ""},
		{"a bad signature", as4.Exchange{Code: "EBMS:0101", Status: 200}, ""},
	} {
		log := &logged{}
		to := zerolog.New(log)
		n := &Node{lasting: &lasting{}, opts: Options{Log: to}, lines: newLines(to, time.Now)}
		tc.x.Err = errors.New("why")
		n.logRefused(&tc.x)
		n.logRefused(&tc.x)
		var errs []string
		for _, l := range log.lines(t, "") {
			if l["level"] == "error" {
				errs = append(errs, fmt.Sprint(l["message"]))
			}
		}
		if got := strings.Join(errs, ", "); got != tc.want || len(log.lines(t, "refused")) != 2 {
			t.Errorf("%s: error %q, want %q\n%s", tc.name, got, tc.want, log.text())
		}
	}
}
