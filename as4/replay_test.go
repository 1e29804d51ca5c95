package as4

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/golden"
)

// recording is a captured request of another product.
type recording struct {
	raw     []byte
	message *ebms.UserMessage
	refs    []ebms.Reference // what a receipt must repeat
}

// record reads a captured request. Its signature is valid in all of them.
func record(t *testing.T, dir string) *recording {
	t.Helper()
	rec := &recording{raw: golden.Read(t, "wire/"+dir+"/request.http")}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(rec.raw)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	ct, err := mime.ParseContentType(req.Header["Content-Type"])
	if err != nil {
		t.Fatal(err)
	}
	root, err := mime.NewReader(bytes.NewReader(body), ct).Next()
	if err != nil {
		t.Fatal(err)
	}
	soap, err := io.ReadAll(root)
	if err != nil {
		t.Fatal(err)
	}
	u, err := wssec.ReadMessage(soap, wssec.EDelivery1)
	if err != nil {
		t.Fatal(err)
	}
	any := func(url string) (string, bool) { return url, true }
	signed, err := u.Verify(any)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ebms.Read(signed.Messaging(), ebms.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rec.message = m.User
	if rec.refs, err = References(signed); err != nil {
		t.Fatal(err)
	}
	return rec
}

// recordedTrust believes the CA of the recordings.
func recordedTrust(t *testing.T) *certs.Verifier {
	t.Helper()
	anchors, err := certs.ParseAnchors(append(golden.Read(t, "wire/keys/apca.pem"),
		golden.Read(t, "wire/keys/root.pem")...))
	if err != nil {
		t.Fatal(err)
	}
	return certs.NewVerifier(certs.Anchors{AP: anchors}, certs.Unchecked{})
}

// recordedIdentity is one of the two access points of the recordings.
func recordedIdentity(t *testing.T, name string) *certs.Identity {
	t.Helper()
	id, err := certs.LoadPEM(golden.Shared(t, "wire/keys/"+name+".pem"), golden.Shared(t, "wire/keys/"+name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// replayed is a Receiver in the place of the one that was recorded, behind a socket.
type replayed struct {
	mem  *memory
	rx   *Receiver
	addr string
	done chan *Exchange
}

// replayTo starts a Receiver with key b and other keys whose clock stands where the recording's stood.
func replayTo(t *testing.T, rec *recording, others ...*certs.Identity) *replayed {
	t.Helper()
	r := &replayed{
		mem:  &memory{accepted: map[DuplicateKey]*Inbound{}, bodies: map[DuplicateKey][]byte{}},
		done: make(chan *Exchange, 10),
	}
	ring := certs.NewKeyring(append(others, recordedIdentity(t, "b"))...)
	r.rx = &Receiver{
		Keys: func() *certs.Keyring { return ring }, Trust: recordedTrust(t), Handler: r.mem, Seat: "PNO000002",
		Host: "b.example", Path: "/as4",
		Spool: t.TempDir(), Now: func() time.Time { return rec.message.Timestamp },
		Sleep: func(context.Context, time.Duration) {},
		Done:  func(x *Exchange) { r.done <- x },
	}
	srv := httptest.NewServer(r.rx)
	t.Cleanup(srv.Close)
	r.addr = srv.Listener.Addr().String()
	return r
}

// replay writes the recorded bytes to a socket and returns the answer: its signal, verified as one of b.
func (r *replayed) replay(t *testing.T, rec *recording) (*ebms.Signal, *Exchange) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the answer was read
	if _, err := conn.Write(rec.raw); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := readAnswer(res)
	if err != nil {
		t.Fatal(err)
	}
	u, err := wssec.ReadSignal(ev.Body, wssec.EDelivery1)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := u.Verify(nil)
	if err != nil {
		t.Fatal(err)
	}
	if seat, _ := certs.Seat(signed.Signer()); seat != "PNO000002" || ev.HTTPStatus != http.StatusOK {
		t.Errorf("signed by %s, HTTP %d", seat, ev.HTTPStatus)
	}
	m, err := ebms.Read(signed.Messaging(), ebms.Options{})
	if err != nil || m.Signal == nil {
		t.Fatalf("no signal: %v", err)
	}
	if m.Signal.RefTo != rec.message.ID {
		t.Errorf("the answer is for %s", m.Signal.RefTo)
	}
	return m.Signal, <-r.done
}

// empty checks that nothing was taken and nothing is left over.
func (r *replayed) empty(t *testing.T, accepted int) {
	t.Helper()
	if len(r.mem.accepted) != accepted || r.mem.places != 0 || r.rx.Intake.Held() != (intake.Held{}) {
		t.Errorf("%d accepted, %d places open, held %+v", len(r.mem.accepted), r.mem.places, r.rx.Intake.Held())
	}
	if left, err := filepath.Glob(filepath.Join(r.rx.Spool, "*")); err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v %v", left, err)
	}
}

// AS4-101, AS4-102, AS4-108. Messages of phase4 and Oxalis, byte for byte, get a receipt that repeats what they signed.
func TestReplayCapturedRequests(t *testing.T) {
	for _, dir := range []string{"phase4-phase4", "oxalis-oxalis", "oxalis-phase4"} {
		t.Run(dir, func(t *testing.T) {
			rec := record(t, dir)
			r := replayTo(t, rec)
			sig, x := r.replay(t, rec)
			if sig.Receipt == nil {
				t.Fatalf("no receipt: %v, %v at %s", sig.Errors, x.Err, x.Step)
			}
			if err := ebms.MatchReceipt(sig.Receipt, rec.refs); err != nil {
				t.Error(err)
			}
			r.empty(t, 1)
			payload := r.mem.bodies[DuplicateKey{"PNO000001", rec.message.ID}]
			if !bytes.Equal(payload, golden.Read(t, "wire/"+dir+"/payload.xml")) {
				t.Error("the payload differs")
			}
		})
	}
}

// forbidden is a Handler that must not be asked.
type forbidden struct{ t *testing.T }

func (f forbidden) Known(context.Context, DuplicateKey) (*Prior, error) {
	f.t.Error("Known was called")
	return nil, nil
}

func (f forbidden) Repeat(context.Context, *Inbound, *Prior) (*Answer, error) {
	f.t.Error("Repeat was called")
	return nil, errors.New("forbidden")
}

func (f forbidden) Place(context.Context, string) (Place, error) {
	f.t.Error("Place was called")
	return nil, errors.New("forbidden")
}

func (f forbidden) Accept(context.Context, *Inbound) error {
	f.t.Error("Accept was called")
	return errors.New("forbidden")
}

// AS4-134. The test service is answered and nobody hears of it.
func TestReplayPing(t *testing.T) {
	rec := record(t, "ping-oxalis-oxalis")
	r := replayTo(t, rec)
	r.rx.Handler = forbidden{t}
	sig, x := r.replay(t, rec)
	if sig.Receipt == nil || !x.Test {
		t.Fatalf("no receipt for a test message: %v, %v", sig.Errors, x.Err)
	}
	if err := ebms.MatchReceipt(sig.Receipt, rec.refs); err != nil {
		t.Error(err)
	}
	r.empty(t, 0)
}

func TestReplayRefused(t *testing.T) {
	// A certificate that b has for the seat of a, so that the message addressed to a passes AS4-040.
	shared, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	seatOfA, err := shared.AP.Issue(localca.Leaf{CN: "PNO000001"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, dir string
		others    []*certs.Identity
		want      ebms.Code
		step      Step
	}{
		{
			"AS4-068 a certificate of another CA", "err-otherca-oxalis-oxalis", nil, ebms.CodeFailedAuthentication,
			StepTrust,
		},
		{
			"AS4-040 for another seat, which comes before decryption", "err-wrongkey-phase4-oxalis", nil,
			ebms.CodeOther,
			StepProfile,
		},
		{
			"AS4-083 encrypted for a key that is not ours", "err-wrongkey-phase4-oxalis",
			[]*certs.Identity{seatOfA},
			ebms.CodeFailedDecryption, StepDecrypt,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := record(t, tc.dir)
			r := replayTo(t, rec, tc.others...)
			sig, x := r.replay(t, rec)
			if len(sig.Errors) != 1 || sig.Errors[0].Code != tc.want || x.Step != tc.step {
				t.Errorf("got %v at %s, want %s at %s", sig.Errors, x.Step, tc.want, tc.step)
			}
			r.empty(t, 0)
		})
	}
}

// scripted answers every connection with the recorded bytes.
func scripted(t *testing.T, answer []byte) (url string) {
	t.Helper()
	return peer(t, false, func(c net.Conn) { _, _ = c.Write(answer) })
}

// recordedSender stands in the place of the sender that was recorded.
func recordedSender(t *testing.T, rec *recording) *Sender {
	t.Helper()
	return &Sender{
		Trust: recordedTrust(t), HTTP: &http.Client{Transport: &http.Transport{
			DisableCompression: true,
			DisableKeepAlives:  true,
		}},
		Host: "a.example", Spool: t.TempDir(), Now: func() time.Time { return rec.message.Timestamp },
	}
}

// AS4-107 to AS4-110, AS4-119. The answers of phase4 and Oxalis are taken for what they are.
func TestJudgeCapturedAnswers(t *testing.T) {
	for _, tc := range []struct {
		dir         string
		outcome     Outcome // "" for a receipt
		code        ebms.Code
		notServiced bool
	}{
		{"phase4-phase4", "", "", false}, // with Content-Encoding: gzip
		{"oxalis-oxalis", "", "", false},
		{"oxalis-phase4", "", "", false},
		{"ping-oxalis-oxalis", "", "", false},
		{"err-otherca-oxalis-oxalis", Refused, ebms.CodeInvalidHeader, false},
		{"err-wrongkey-phase4-oxalis", Refused, ebms.CodeOther, true},
	} {
		t.Run(tc.dir, func(t *testing.T) {
			rec := record(t, tc.dir)
			s := recordedSender(t, rec)
			req := Request{
				Peer: Peer{
					URL:  scripted(t, golden.Read(t, "wire/"+tc.dir+"/response.http")),
					Cert: recordedIdentity(t, "b").Cert,
				},
				MessageID: rec.message.ID, ContentType: "application/octet-stream", Body: bytes.NewReader([]byte("x")),
				Length:  1,
				Digests: FormatDigests(rec.refs), Attempt: 1,
			}
			ev, err := s.Post(t.Context(), req)
			if tc.outcome == "" {
				if err != nil || ev.Signer == nil || len(ev.SOAP) == 0 {
					t.Fatalf("no evidence: %v", err)
				}
				if seat, _ := certs.Seat(ev.Signer); seat != "PNO000002" {
					t.Errorf("signed by %s", seat)
				}
				misjudge(t, s, req)
				return
			}
			var se *SendError
			if !errors.As(err, &se) || se.Signal == nil {
				t.Fatalf("got %v", err)
			}
			if se.Outcome != tc.outcome || se.Signal.Code != tc.code || se.Signal.IsNotServiced() != tc.notServiced ||
				se.HTTPStatus != 500 || !se.Permanent() {
				t.Errorf("got %+v, signal %+v", se, se.Signal)
			}
			if se.Answer == nil || se.Answer.Signer != nil || len(se.Answer.Body) == 0 {
				t.Errorf("the answer is not kept, or counts as signed: %+v", se.Answer)
			}
		})
	}
}

// misjudge posts requests that the recorded receipt does not fit.
func misjudge(t *testing.T, s *Sender, good Request) {
	t.Helper()
	refs, err := ParseDigests(good.Digests)
	if err != nil {
		t.Fatal(err)
	}
	refs[0].Value = bytes.Repeat([]byte{1}, 32)
	for name, tc := range map[string]struct {
		change  func(*Request)
		outcome Outcome
		code    ebms.Code
	}{
		"AS4-109 other digests": {
			func(r *Request) { r.Digests = FormatDigests(refs) }, BadReceipt,
			ebms.CodeInvalidReceipt,
		},
		"AS4-107 another message": {
			func(r *Request) { r.MessageID = "other@a.example" }, Unknown,
			ebms.CodeInvalidReceipt,
		},
		"AS4-107 another access point": {
			func(r *Request) { r.Peer.Cert = recordedIdentity(t, "a").Cert }, Unknown,
			ebms.CodeMissingReceipt,
		},
	} {
		r := good
		r.Body = bytes.NewReader([]byte("x"))
		tc.change(&r)
		_, err := s.Post(t.Context(), r)
		var se *SendError
		if !errors.As(err, &se) || se.Outcome != tc.outcome || se.Signal == nil || se.Signal.Code != tc.code {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
