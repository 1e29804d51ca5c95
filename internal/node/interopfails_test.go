package node

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/testbed/interop"
)

// answer is what a sender sees of one attempt: what the network answers, or the receiver of phase4 that gets it.
type answer struct {
	status int         // of the network, instead of phase4's answer
	header http.Header // with it
	body   string
	to     string // receiver of phase4; "": the request does not reach it
	as     int    // status of phase4's answer, instead of its own
	cut    bool   // the connection breaks instead of an answer
}

// network is what lies between a sender and the receivers of phase4. It does what a test says, attempt after attempt.
type network struct {
	mu     sync.Mutex
	script []answer
	urls   map[string]string // of the receivers, by name
}

func (n *network) play(script []answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.script = script
}

func (n *network) left() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.script)
}

// ServeHTTP plays the next part of the script.
func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	if len(n.script) == 0 {
		n.mu.Unlock()
		http.Error(w, "the script is over", http.StatusTeapot)
		return
	}
	a := n.script[0]
	n.script = n.script[1:]
	n.mu.Unlock()
	var res *http.Response
	body, err := io.ReadAll(r.Body)
	if err == nil && a.to != "" {
		if res, err = pass(r, body, n.urls[a.to]); err == nil {
			defer func() { _ = res.Body.Close() }()
		}
	}
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusTeapot)
	case a.cut:
		panic(http.ErrAbortHandler)
	case a.status != 0:
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	default:
		maps.Copy(w.Header(), res.Header)
		w.WriteHeader(cmp.Or(a.as, res.StatusCode))
		_, _ = io.Copy(w, res.Body)
	}
}

func pass(r *http.Request, body []byte, url string) (*http.Response, error) {
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = r.Header.Clone()
	return http.DefaultClient.Do(out)
}

// outcome is what one attempt did to a message.
type outcome struct {
	state store.State
	wait  time.Duration // 0: it does not wait
	code  fault.Code    // "" for a receipt
}

// REL-023 end to end: a real sender, and phase4 as the receiver, which refuses, is late, loses its receipt, is busy, or
// has another certificate. Each row: what comes back, what becomes of the message after each attempt, and how many
// copies phase4 has at the end. There is one MessageId throughout.
func TestInteropREL023Phase4Fails(t *testing.T) {
	if golden.Race {
		t.Skip("most of it is Java: left to the run without the race detector")
	}
	pki, dir := testPKI(t)
	x := startPhase4(t, pki)
	renewed := x.issue(t, pki.AP, "renewed", localca.Leaf{CN: "POP900099"})
	net := &network{urls: map[string]string{}}
	srv := httptest.NewServer(net)
	t.Cleanup(srv.Close)
	for name, options := range map[string]interop.Fields{
		"phase4": {}, "late": {"delay_ms": 4000}, "renewed": x.key("renewed"),
		"EBMS:0004 NOT_SERVICED": {"answer_error": map[string]string{
			"code": "EBMS:0004", "detail": "PEPPOL:NOT_SERVICED",
		}},
	} {
		x.receiver(t, net, name, options)
	}
	for _, code := range slices.Concat(permanentCodes, temporaryCodes) {
		x.receiver(t, net, code, interop.Fields{"answer_error": map[string]string{"code": code, "detail": "asked for"}})
	}
	from := newNode(t, dir, "POP900001")
	from.end(t) // its work is done by the test
	addressed := as4.Peer{URL: srv.URL, Cert: x.id.Cert}
	for _, c := range failures() {
		t.Run(c.name, func(t *testing.T) {
			p := &planned{tested: from, now: time.Now().Truncate(time.Second)}
			p.register = &register{first: addressed, then: addressed}
			if c.renewed {
				p.then.Cert = renewed.Cert
			}
			from.Outbound.Directory, from.Outbound.Now = p.register, func() time.Time { return p.now }
			from.Outbound.Spread = func(d time.Duration) time.Duration { return d }
			from.Outbound.Timeout = cmp.Or(c.timeout, time.Minute)
			net.play(c.script)
			for i, want := range c.want {
				if i > 0 && i == c.forget {
					x.Call(t, "receiver.forget", nil)
				}
				state, wait, err := p.attempt(t)
				if state != want.state || want.wait != 0 && wait != want.wait || codeOf(err) != want.code {
					t.Errorf("attempt %d: %s for %s, %v; want %+v", i+1, state, wait, err, want)
				}
			}
			if left := net.left(); left > 0 {
				t.Errorf("%d answers were not asked for", left)
			}
			if p.forgotten != c.fresh {
				t.Errorf("%d fresh lookups, want %d", p.forgotten, c.fresh)
			}
			m, err := p.Store.Get(t.Context(), db.DefaultTenant, p.id)
			if err != nil {
				t.Fatal(err)
			}
			if got := x.copies(t, net, m.MessageID, c.copies); got != c.copies {
				t.Errorf("phase4 has %d copies, want %d", got, c.copies)
			}
		})
	}
}

// receiver starts a receiver of phase4.
func (x *phase4) receiver(t *testing.T, net *network, name string, options interop.Fields) {
	t.Helper()
	in := filepath.Join(x.dir, "in", strings.ReplaceAll(name, ":", "-"))
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	rx := x.Call(t, "receiver.start", merge(x.key("phase4"), interop.Fields{"dir": in}, options))
	net.urls[name] = rx["url"].(string)
}

// copies is how many receivers have a message. One that is late has a while for it.
func (x *phase4) copies(t *testing.T, net *network, id string, want int) (n int) {
	t.Helper()
	for range 100 {
		n = 0
		for name := range net.urls {
			file := filepath.Join(x.dir, "in", strings.ReplaceAll(name, ":", "-"), id+".xml")
			if _, err := os.Stat(file); err == nil {
				n++
			}
		}
		if n >= want {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return n
}

var (
	permanentCodes = []string{
		"EBMS:0001", "EBMS:0003", "EBMS:0007", "EBMS:0009", "EBMS:0010", "EBMS:0101", "EBMS:0102", "EBMS:0103",
		"EBMS:0303",
	}
	temporaryCodes = []string{"EBMS:0202", "EBMS:0005", "EBMS:0201"}
)

// failureRow is a row of the table.
type failureRow struct {
	name    string
	script  []answer
	timeout time.Duration // of an attempt; 0: long
	forget  int           // 0, or before which attempt, from 0, phase4 forgets which messages it has seen
	renewed bool          // the register names another certificate from the first fresh lookup on
	want    []outcome
	fresh   int // lookups that were made afresh
	copies  int // at phase4
}

// failures are the rows.
func failures() (rows []failureRow) {
	taken := answer{to: "phase4"}
	sent := outcome{state: store.Sent}
	refused := outcome{state: store.FailedPermanent, code: fault.PeerRefused}
	later := func(wait time.Duration) outcome { return outcome{store.RetryWait, wait, fault.PeerLater} }
	unclear := func(wait time.Duration) outcome { return outcome{store.Unknown, wait, fault.PeerUnreachable} }
	for _, code := range append([]string{"EBMS:0004 NOT_SERVICED"}, permanentCodes...) {
		rows = append(rows, failureRow{name: code, script: []answer{{to: code}}, want: []outcome{refused}, fresh: 1})
	}
	// phase4 remembers the MessageId of what it did not take, and calls the repeat a duplicate for ten minutes
	for _, code := range temporaryCodes {
		rows = append(rows, failureRow{
			name:   code + ", a duplicate that is none, then a receipt",
			script: []answer{{to: code}, taken, taken, taken},
			forget: 3,
			want:   []outcome{later(time.Minute), unclear(2 * time.Minute), unclear(5 * time.Minute), sent}, copies: 1,
		})
	}
	for _, status := range []int{408, 425, 429, 503} {
		rows = append(rows, failureRow{
			name: http.StatusText(status) + ", then a receipt", script: []answer{{status: status}, taken},
			want: []outcome{later(time.Minute), sent}, copies: 1,
		})
	}
	for _, status := range []int{301, 302, 307, 400, 401, 403, 404, 405, 415} {
		rows = append(rows, failureRow{
			name:   http.StatusText(status) + ", then a receipt",
			script: []answer{{status: status}, {status: status}, taken},
			want:   []outcome{later(time.Minute), later(2 * time.Minute), sent}, fresh: 2, copies: 1,
		}, failureRow{
			name:   http.StatusText(status) + " for good",
			script: []answer{{status: status}, {status: status}, {status: status}},
			want:   []outcome{later(time.Minute), later(2 * time.Minute), refused}, fresh: 3,
		})
	}
	there := outcome{state: store.UnknownAccepted, code: fault.ReceiptInvalid}
	return append(rows,
		failureRow{
			name:   "the receipt is lost: phase4 says it has the message",
			script: []answer{{to: "phase4", cut: true}, taken}, want: []outcome{unclear(time.Minute), there}, copies: 1,
		},
		failureRow{
			name:   "500 in place of the receipt: phase4 says it has the message",
			script: []answer{{to: "phase4", status: 500}, taken},
			want:   []outcome{unclear(time.Minute), there}, copies: 1,
		},
		failureRow{
			name:   "200 and nothing in place of the receipt: phase4 says it has the message",
			script: []answer{{to: "phase4", status: 200}, taken},
			want:   []outcome{unclear(time.Minute), there}, copies: 1,
		},
		failureRow{
			name:   "the receipt is late: phase4 says it has the message",
			script: []answer{{to: "late"}, taken}, timeout: 2 * time.Second,
			want: []outcome{unclear(time.Minute), there}, copies: 1,
		},
		failureRow{
			name:   "the receipt comes with 500",
			script: []answer{{to: "phase4", as: 500}}, want: []outcome{sent}, copies: 1,
		},
		failureRow{
			name:   "another certificate: the old one cannot be opened any more",
			script: []answer{{to: "renewed"}, {to: "renewed"}}, renewed: true,
			want: []outcome{sent}, fresh: 1, copies: 1,
		},
		failureRow{
			name:   "another certificate, which the register does not know yet",
			script: []answer{{to: "renewed"}}, want: []outcome{refused}, fresh: 1,
		},
		failureRow{name: "413", script: []answer{{status: 413}}, want: []outcome{refused}},
		failureRow{
			name:   "503 that asks for 20 minutes, then a receipt",
			script: []answer{{status: 503, header: http.Header{"Retry-After": {"1200"}}}, taken},
			want:   []outcome{later(20 * time.Minute), sent}, copies: 1,
		},
		failureRow{
			name:   "a page with 200 before phase4, then a receipt",
			script: []answer{{status: 200, header: http.Header{"Content-Type": {"text/html"}}, body: "<html>"}, taken},
			want:   []outcome{unclear(time.Minute), sent}, copies: 1,
		},
		failureRow{
			name:   "500 before phase4, then a receipt",
			script: []answer{{status: 500}, {status: 502}, taken},
			want:   []outcome{unclear(time.Minute), unclear(2 * time.Minute), sent}, copies: 1,
		},
	)
}
