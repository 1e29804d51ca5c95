package as4

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/xml/dsig"
)

// message takes a complete request through the steps of security.md §1.3 (D-08, SEC-050) and returns the receipt. The
// order of the steps is itself a requirement: first who sent it, last what needs our private key and the payload.
func (x *exchange) message(partErr error) (*Answer, error) {
	signed, err := x.authenticate()
	if err != nil {
		return nil, err
	}
	if partErr != nil {
		return nil, partErr // SEC-022: only an authenticated sender is told what is wrong with a part
	}
	m, err := x.header(signed)
	if err != nil {
		return nil, err
	}
	refs, err := References(signed)
	if err != nil {
		return nil, err
	}
	key := DuplicateKey{Sender: peppol.SeatID(m.From.ID.Value), ID: m.ID}
	release, err := x.alone(key)
	if err != nil {
		return nil, err
	}
	defer release()
	in := &Inbound{
		Message: m, C2: key.Sender, C3: peppol.SeatID(m.To.ID.Value), Signer: signed.Signer(),
		References: refs, Digests: FormatDigests(refs), SOAP: x.soap, Received: x.rx.Now(),
	}
	if m.IsTest() {
		return x.ping(signed, in)
	}
	x.at(StepKnown)
	prior, err := x.rx.Handler.Known(x.r.Context(), key)
	if err != nil {
		return nil, err
	}
	if prior == nil {
		return x.accept(signed, in)
	}
	return x.repeat(signed, in, prior)
}

// repeat answers a message that was accepted before (AS4-129 to AS4-131). If all that was signed is the same it is the
// stored receipt, and no key is touched. If the header was rebuilt, the message is opened and checked like a new one
// before it gets a receipt of its own: a receipt says that we have what it names.
func (x *exchange) repeat(signed *wssec.Signed, in *Inbound, prior *Prior) (*Answer, error) {
	all, err := prior.same(in.Digests)
	if err != nil {
		return nil, err
	}
	if !all {
		nowhere := func() (Place, error) { return storedAlready{}, nil }
		if err := x.examine(signed, in, nowhere); err != nil {
			return nil, err
		}
	}
	return x.answerRepeat(in, prior)
}

// storedAlready is the Place of a payload that is stored already.
type storedAlready struct{}

func (storedAlready) Write(p []byte) (int, error) { return len(p), nil }
func (storedAlready) Abort()                      {}

// answerRepeat returns the stored receipt, or has the one for a rebuilt header kept beside it.
func (x *exchange) answerRepeat(in *Inbound, prior *Prior) (*Answer, error) {
	all, err := prior.same(in.Digests)
	if err != nil {
		return nil, err
	}
	answer := &prior.Answer
	if !all {
		x.at(StepAccept)
		x.tolerate(ToleratedRebuilt)
		in.Tolerated = x.info.Tolerated
		if answer, err = x.rx.Handler.Repeat(context.WithoutCancel(x.r.Context()), in, prior); err != nil {
			return nil, err
		}
	}
	x.info.Duplicate, x.info.ID = true, prior.ID
	return answer, nil
}

// tolerate notes a tolerance that the message needed, once.
func (x *exchange) tolerate(name string) {
	if !slices.Contains(x.info.Tolerated, name) {
		x.info.Tolerated = append(x.info.Tolerated, name)
	}
}

// rules checks the rules of a step. What is tolerated is noted, as far as the message got.
func (x *exchange) rules(step Step) error {
	remarks, err := x.subject.judge(step)
	for _, f := range remarks {
		x.tolerate(f.Tolerated)
		if step == StepProfile { // what is to be said of an envelope says the envelope
			x.info.Warnings = append(x.info.Warnings, f.Text)
		}
	}
	return err
}

// split reads the body: the SOAP part into memory, the attachment into the spool (AS4-006, SEC-011). partErr is what is
// wrong with a part although the framing is intact.
func (x *exchange) split(src *body) (partErr, err error) {
	x.at(StepMIME)
	ct, err := mime.ParseContentType(x.r.Header["Content-Type"])
	if err != nil {
		return nil, err
	}
	if ct.Media == mime.SOAP {
		x.soap, err = x.readSOAP(src)
		return nil, err
	}
	r := mime.NewReader(src, ct)
	r.RefuseBase64 = x.rx.RefuseBase64
	x.subject.Untyped = ct.Untyped
	for {
		p, err := r.Next()
		if err == io.EOF {
			if f := r.HeaderError(); f != nil {
				return f, nil
			}
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if x.soap == nil {
			if x.soap, err = x.readSOAP(p); err != nil {
				return nil, err
			}
			continue
		}
		if err := x.attachment(p); err != nil {
			return nil, err
		}
	}
}

// attachment registers an attachment and stores the first one.
func (x *exchange) attachment(p *mime.Part) error {
	x.parts = append(x.parts, part{cid: p.ContentID, spool: &spool{dir: x.rx.Spool, hold: x.hold, room: x.ready}})
	if len(x.parts) > 1 {
		return nil // the reader skips it
	}
	x.subject.Base64 = p.Base64
	if _, err := copyPart(x.parts[0].spool, p); err != nil {
		return spoolError(err)
	}
	return nil
}

// copyPart copies a part to the spool.
func copyPart(s *spool, p io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(onlyWriter{s}, p, *buf)
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// onlyWriter hides ReadFrom from io.CopyBuffer, so that our pooled buffer is used.
type onlyWriter struct{ io.Writer }

// spoolError passes on refusals of the request as they are; a failing disk means that we cannot take the message now.
func spoolError(err error) error {
	var he *httpError
	var me *mime.Error
	var ie *intake.Error
	switch {
	case errors.As(err, &he), errors.As(err, &me):
		return err
	case errors.As(err, &ie):
		return noRoom(err)
	}
	return later(CauseSpool, err)
}

// readSOAP reads the SOAP part. Memory is booked with the intake before it is allocated.
func (x *exchange) readSOAP(r io.Reader) ([]byte, error) {
	var b []byte
	for {
		if len(b) == cap(b) {
			grown := min(max(2*cap(b), 16<<10), maxSOAP+1)
			if err := x.hold.Take(intake.Memory, int64(grown-cap(b))); err != nil {
				return nil, noRoom(err)
			}
			b = append(make([]byte, 0, grown), b...)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if len(b) > maxSOAP {
			return nil, &httpError{status: http.StatusRequestEntityTooLarge, msg: "the SOAP part is too large"}
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// attached implements wssec.Attachments for the request.
func (x *exchange) attached(url string) (string, bool) {
	id, err := mime.ContentID(url)
	return id, err == nil && slices.ContainsFunc(x.parts, func(p part) bool { return p.cid == id })
}

// authenticate establishes who sent the message: structure and algorithms, certificate, signature, XML digests.
func (x *exchange) authenticate() (*wssec.Signed, error) {
	x.at(StepSOAP)
	u, err := wssec.ReadMessage(x.soap, x.rx.Suite)
	x.ref = ebms.ClaimedID(u.Claimed())
	x.info.MessageID = x.ref
	if err != nil {
		return nil, err
	}
	x.at(StepTrust)
	if err := x.rx.Trust.VerifyAP(x.r.Context(), u.Signer(), x.rx.Now()); err != nil {
		// AS4-068. A certificate whose revocation status is unknown is refused as well; the sender tries again
		// (PKI-019).
		return nil, &ebms.Error{Code: ebms.CodeFailedAuthentication, Err: err}
	}
	x.at(StepVerify)
	signed, err := u.Verify(x.attached)
	if err != nil {
		return nil, err
	}
	x.info.Authenticated = true
	x.info.C2, _ = certs.Seat(signed.Signer()) // VerifyAP has checked that there is one
	return signed, nil
}

// header reads the verified header and checks what the profile says about it (SEC-066 to SEC-069).
func (x *exchange) header(signed *wssec.Signed) (*ebms.UserMessage, error) {
	x.at(StepProfile)
	msg, err := ebms.Read(signed.Messaging(), ebms.Options{LenientMessageID: x.rx.Lenient})
	if err != nil {
		return nil, err
	}
	m := msg.User
	if m == nil {
		return nil, refuse(ebms.CodeValueInconsistent, "A request must carry a UserMessage") // AS4-029
	}
	x.ref, x.info.MessageID, x.info.DocType = m.ID, m.ID, m.Action
	ids := make([]string, 0, len(x.parts))
	for _, p := range x.parts {
		ids = append(ids, p.cid)
	}
	x.subject.Message, x.subject.Signer, x.subject.ContentIDs = m, signed.Signer(), ids
	x.subject.Ours, x.subject.Now = x.keys.Has, x.rx.Now()
	if err := x.rules(StepProfile); err != nil {
		return nil, err
	}
	if len(x.parts) > 0 && !signed.Covers(x.parts[0].cid) { // SEC-027
		return nil, &wssec.Error{
			Class: wssec.Policy, Rule: "AS4-069",
			Msg: "the payload part is not covered by the signature",
		}
	}
	return m, nil
}

// References returns the signed references as a receipt repeats them (AS4-101, AS4-102).
func References(signed *wssec.Signed) ([]ebms.Reference, error) {
	list, err := signed.References()
	var out []ebms.Reference
	for _, r := range list {
		out = append(out, reference(r))
	}
	return out, err
}

func reference(r dsig.Reference) ebms.Reference {
	return ebms.Reference{
		URI: r.URI, Transforms: []string{r.Transform}, Method: r.Digest, Value: r.Value,
		Raw: r.Canonical,
	}
}

// open decrypts the payload part and compares it with the signed digest.
func (x *exchange) open(signed *wssec.Signed, in *Inbound) (*wssec.Opened, error) {
	x.at(StepDecrypt)
	signer := sha256.Sum256(in.Signer.Raw)
	if x.rx.failures.blocked(signer, x.client, x.rx.Now()) { // SEC-092
		const text = "too many messages that cannot be decrypted"
		return nil, &httpError{status: http.StatusTooManyRequests, msg: text, cause: "too many failed decryptions"}
	}
	start := x.rx.Now()
	p := x.parts[0]
	o, err := signed.Open(x.keys, p.cid, wssec.Spool{ReaderAt: p.spool.ReaderAt(), Size: p.spool.size})
	var we *wssec.Error
	if errors.As(err, &we) && we.Class == wssec.Decryption {
		x.info.Blocked = x.rx.failures.countFailure(signer, x.client, x.rx.Now())
		x.rx.Sleep(x.r.Context(), decryptFloor-x.rx.Now().Sub(start)) // SEC-091: the time must not tell what failed
	}
	return o, err
}

// decryptFloor is the shortest time after which a failed decryption is answered (SEC-091).
const decryptFloor = 50 * time.Millisecond

// ping answers the test service: everything about security is checked, nothing is stored (AS4-134).
func (x *exchange) ping(signed *wssec.Signed, in *Inbound) (*Answer, error) {
	x.info.Test = true
	if len(x.parts) > 0 {
		if _, err := x.open(signed, in); err != nil {
			return nil, err
		}
	}
	if err := x.receipt(in); err != nil {
		return nil, err
	}
	return &in.Answer, nil
}

// accept examines the message and hands it over. From Accept on a client that goes away stops nothing (REL-006).
func (x *exchange) accept(signed *wssec.Signed, in *Inbound) (*Answer, error) {
	accepted := false
	defer func() {
		if in.Place != nil && !accepted {
			in.Place.Abort()
		}
	}()
	err := x.examine(signed, in, func() (Place, error) { return x.rx.Handler.Place(x.r.Context(), x.info.ID) })
	if err != nil {
		return nil, err
	}
	x.at(StepAccept)
	in.Tolerated = x.info.Tolerated
	err = x.rx.Handler.Accept(context.WithoutCancel(x.r.Context()), in)
	var twin *Duplicate
	if errors.As(err, &twin) {
		return x.answerRepeat(in, twin.Prior)
	}
	if err != nil {
		return nil, err
	}
	accepted = true
	return &in.Answer, nil
}

// examine opens the payload, streams it to its place while the envelope is read, checks what the profile says about
// both, and makes the receipt.
func (x *exchange) examine(signed *wssec.Signed, in *Inbound, place func() (Place, error)) error {
	if err := x.rules(StepKnown); err != nil {
		return err
	}
	o, err := x.open(signed, in)
	if err != nil {
		return err
	}
	x.at(StepPayload)
	if in.Place, err = place(); err != nil {
		return err
	}
	if err := x.envelope(o, in); err != nil {
		return err
	}
	return x.receipt(in)
}

// envelope decompresses the payload into its place and reads the envelope on the way (SBDH-039 to SBDH-043).
func (x *exchange) envelope(o *wssec.Opened, in *Inbound) error {
	payload, err := x.expand(o.Payload())
	if err != nil {
		return err
	}
	x.at(StepEnvelope)
	h, p, err := sbdh.Read(io.TeeReader(payload, in.Place), sbdh.Options{FullStandard: x.rx.Standard})
	var se *sbdh.Error
	if errors.As(err, &se) {
		return &ebms.Error{Code: ebms.CodeOther, Detail: "SBDH: " + se.Keyword, Err: err}
	}
	if err != nil {
		return err
	}
	in.Header, in.Payload, in.DocType = h, p, h.DocType
	x.info.Warnings = append(x.info.Warnings, h.Warnings...)
	in.Warnings = x.info.Warnings
	x.subject.Header = h
	return x.rules(StepEnvelope)
}

// expand decompresses a payload whose header says that it is compressed (AS4-050).
func (x *exchange) expand(r io.Reader) (io.Reader, error) {
	br := bufio.NewReaderSize(r, 8<<10)
	head, err := br.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	x.subject.Head = slices.Clone(head)
	if err := x.rules(StepPayload); err != nil {
		return nil, err
	}
	if declaresGzip(x.subject.Message) {
		return Inflate(br, x.rx.MaxExpanded)
	}
	return &capped{br, x.rx.MaxExpanded}, nil
}

// receipt makes the signed receipt (AS4-100 to AS4-105). It is signed before the message is stored, because it is
// stored with the message, and sent afterwards (REL-001).
func (x *exchange) receipt(in *Inbound) error {
	id, err := x.keys.Current(in.C3, x.rx.Now())
	if err != nil {
		return fmt.Errorf("as4: sign the receipt: %w", err)
	}
	signal := &ebms.Signal{Receipt: &ebms.Receipt{References: in.References}}
	body, err := signWith(x.rx.Suite, id, x.rx.Host, x.rx.Now(), in.Message.ID, signal)
	if err != nil {
		return err
	}
	in.Own = id.Cert
	in.Answer = Answer{ContentType: ContentTypeSignal, Body: body}
	return nil
}

// flights are the messages being worked on, so that a second copy waits for the first one (AS4-130, REL-031).
type flights struct {
	mu sync.Mutex
	m  map[DuplicateKey]chan struct{}
}

// twinWait is how long a second copy waits.
const twinWait = 30 * time.Second

// take claims the key. If another request has it, busy is closed when that request is done.
func (f *flights) take(key DuplicateKey) (release func(), busy <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if other, ok := f.m[key]; ok {
		return nil, other
	}
	if f.m == nil {
		f.m = map[DuplicateKey]chan struct{}{}
	}
	own := make(chan struct{})
	f.m[key] = own
	return func() {
		f.mu.Lock()
		delete(f.m, key)
		f.mu.Unlock()
		close(own)
	}, nil
}

// alone waits until no other request works on the key and claims it; release gives it back. While it waits, its place
// in the pool is free for others: copies of one message must not occupy all places.
func (x *exchange) alone(key DuplicateKey) (release func(), err error) {
	release, busy := x.rx.flights.take(key)
	if release != nil {
		return release, nil
	}
	ctx, cancel := x.after(twinWait)
	defer cancel()
	for {
		x.leave()
		select {
		case <-busy:
		case <-ctx.Done():
			if err := x.r.Context().Err(); err != nil {
				return nil, err
			}
			return nil, later("another copy of the message is being worked on", ctx.Err())
		}
		if err := x.enter(); err != nil {
			return nil, err
		}
		if release, busy = x.rx.flights.take(key); release != nil {
			return release, nil
		}
	}
}
