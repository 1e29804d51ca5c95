package as4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/xml/safe"
)

// response is an HTTP response before it is written.
type response struct {
	status      int
	contentType string
	body        []byte
}

// httpError is a refusal with a plain HTTP response, without SOAP.
type httpError struct {
	status int
	msg    string // on the wire
	cause  string // of a 429 or 503, for our log
	err    error
}

func (e *httpError) Error() string { return fmt.Sprintf("as4: HTTP %d: %s", e.status, e.msg) }
func (e *httpError) Unwrap() error { return e.err }

// Causes of a refusal that are our own doing.
const (
	CauseInternal = "an internal error"
	CauseNoKey    = "no key to sign with"
	CauseSpool    = "the spool cannot be written"
)

// later refuses a message that may be sent again: HTTP 503 with Retry-After (REL-060).
func later(cause string, err error) *httpError {
	return &httpError{status: http.StatusServiceUnavailable, msg: "try again later", cause: cause, err: err}
}

// Panic is the error of an Exchange that was ended by a bug of ours (SEC-037).
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("as4: panic: %v", p.Value) }

// fail returns the response for an error. Security errors carry only their code and the correlation id, so that nobody
// can learn from them what failed (SEC-001, AS4-113).
func (x *exchange) fail(err error) response {
	x.info.Err = err
	var he *httpError
	var ee *ebms.Error
	var me *mime.Error
	var we *wssec.Error
	switch {
	case errors.Is(err, context.Canceled) && x.r.Context().Err() != nil: // nobody reads the answer
		x.info.Cause = "the client went away"
		return x.plain(http.StatusServiceUnavailable, "try again later")
	case errors.As(err, &he):
		x.info.Cause = he.cause
		return x.plain(he.status, he.msg)
	case errors.As(err, &ee):
		return x.signal(*ee)
	case errors.Is(err, mime.ErrMediaType):
		return x.plain(http.StatusUnsupportedMediaType, "the media type is not supported")
	case errors.As(err, &me) && me.Part:
		const text = "A MIME part is not packaged as Peppol AS4 demands"
		return x.signal(ebms.Error{Code: ebms.CodeMimeInconsistency, Detail: text})
	case errors.As(err, &me): // the texts of package mime repeat nothing of a message
		return x.plain(http.StatusBadRequest, "the message is not packaged as Peppol AS4 demands: "+me.Msg)
	case errors.As(err, &we):
		return x.failSecurity(we)
	case x.info.Authenticated:
		// design.md §3: an internal error after authentication is EBMS:0202 without detail; the sender repeats.
		return x.signal(ebms.Error{Code: ebms.CodeDeliveryFailure})
	}
	return x.broken()
}

// broken is the response to an unauthenticated client when something on our side failed.
func (x *exchange) broken() response {
	x.info.Cause = CauseInternal
	return x.plain(http.StatusServiceUnavailable, "try again later")
}

func (x *exchange) failSecurity(e *wssec.Error) response {
	switch e.Class {
	case wssec.Malformed:
		return x.plain(http.StatusBadRequest, malformed(e))
	case wssec.VersionMismatch:
		return soapFault("VersionMismatch")
	case wssec.MustUnderstand:
		return soapFault("MustUnderstand")
	}
	code := SecurityCode(e.Class)
	switch code {
	case "":
		return x.broken()
	case ebms.CodeInvalidHeader:
		return x.signal(ebms.Error{Code: code, Detail: "The eb:Messaging header is missing"})
	}
	return x.signal(ebms.Error{Code: code})
}

// malformed says what is wrong with a SOAP part that cannot be read; no text of the readers repeats any of it.
func malformed(e *wssec.Error) string {
	var xe *safe.Error
	if errors.As(e.Err, &xe) {
		return fmt.Sprintf("%s: line %d column %d: %s", e.Msg, xe.Line, xe.Col, xe.Msg)
	}
	return e.Msg
}

// SecurityCode returns the code that answers a refusal of package wssec (as4.md §9.1), "" when the answer is none: HTTP
// 400 or a SOAP fault.
func SecurityCode(class wssec.Class) ebms.Code {
	switch class {
	case wssec.Header:
		return ebms.CodeInvalidHeader
	case wssec.Authentication:
		return ebms.CodeFailedAuthentication
	case wssec.Policy:
		return ebms.CodePolicyNoncompliance
	case wssec.Decryption:
		return ebms.CodeFailedDecryption
	}
	return ""
}

// securityText has the descriptions of security errors, which are the same whatever the reason.
var securityText = map[ebms.Code]string{
	ebms.CodeFailedAuthentication: "The message could not be authenticated.",
	ebms.CodeFailedDecryption:     "The message could not be decrypted.",
	ebms.CodePolicyNoncompliance:  "The message does not follow the security policy of Peppol AS4.",
}

// refuse makes an error for the other side; detail is one line that names the subject, no input.
func refuse(code ebms.Code, detail string) *ebms.Error {
	return &ebms.Error{Code: code, Detail: detail}
}

// signal is an answer with one signed error, HTTP 200 (AS4-111 to AS4-117).
func (x *exchange) signal(e ebms.Error) response {
	if text, ok := securityText[e.Code]; ok {
		e.Description, e.Detail = text, x.info.ID
	}
	x.info.Code = e.Code
	e.RefTo = x.ref
	body, err := x.sign(&ebms.Signal{Errors: []*ebms.Error{&e}})
	if err != nil { // REL-075: without a key nothing can be promised
		x.info.Err = errors.Join(x.info.Err, err)
		x.info.Cause = CauseNoKey
		return x.plain(http.StatusServiceUnavailable, "try again later")
	}
	return response{http.StatusOK, ContentTypeSignal, body}
}

// sign makes the SOAP response for an error. The default seat signs it, because the seat that the message addresses may
// be wrong or unverified.
func (x *exchange) sign(s *ebms.Signal) ([]byte, error) {
	id, err := x.keys.Current(x.rx.Seat, x.rx.Now())
	if err != nil {
		return nil, err
	}
	return signWith(x.rx.Suite, id, x.rx.Host, x.rx.Now(), x.ref, s)
}

// signWith fills in the message info of a signal and signs it with an identity.
func signWith(
	suite wssec.Suite, id *certs.Identity, host string, now time.Time, ref ebms.MessageID, s *ebms.Signal,
) ([]byte, error) {
	s.ID, s.RefTo, s.Timestamp = newMessageID(host), ref, now
	m := ebms.Messaging{Signal: s}
	elem := "msg-" + uuid.NewString()
	by := wssec.Identity{Key: id.Key, Cert: id.Cert}
	return wssec.SignSignal(suite, by, wssec.Element{ID: elem, Bytes: m.Bytes(elem)})
}

// newMessageID makes a message id from a random left part and our host (AS4-035).
func newMessageID(host string) ebms.MessageID {
	return ebms.MessageID(uuid.NewString() + "@" + host)
}

// soapFault returns a response with a SOAP Fault, HTTP 500 (AS4-030).
func soapFault(code string) response {
	const open = `<S12:Envelope xmlns:S12="http://www.w3.org/2003/05/soap-envelope"><S12:Body><S12:Fault>`
	return response{http.StatusInternalServerError, ContentTypeSignal, []byte(open +
		`<S12:Code><S12:Value>S12:` + code + `</S12:Value></S12:Code>` +
		`<S12:Reason><S12:Text xml:lang="en">` + code +
		`</S12:Text></S12:Reason></S12:Fault></S12:Body></S12:Envelope>`)}
}

// plain returns a response with a short fixed text (AS4-118).
func (x *exchange) plain(status int, text string) response {
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", strconv.Itoa(10+int(x.rx.Now().UnixNano()%21))) // REL-060: with jitter
	}
	return response{status, "text/plain; charset=utf-8", []byte(text + "\n")}
}

// write sends the response. After a refusal the connection is closed (SEC-013).
func (x *exchange) write(a response) {
	h := x.w.Header()
	if a.status >= http.StatusBadRequest {
		h.Set("Connection", "close")
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	x.info.Status = a.status
	rc, now := http.NewResponseController(x.w), time.Now()
	// net/http reads on after a refusal, so that the client gets to see the response; this is how long.
	rest := x.rx.Pace.Grace
	if x.hold.Err() != nil {
		rest = 0 // the connection is needed for others
	}
	_ = rc.SetWriteDeadline(now.Add(x.rx.Pace.Answer)) // not every ResponseWriter supports deadlines
	_ = rc.SetReadDeadline(now.Add(rest))
	x.w.WriteHeader(a.status)
	half := len(a.body) / 2 // in two halves, so that a test can end the process in the middle of a receipt
	_, err := x.w.Write(a.body[:half])
	x.rx.Hook("answer.half")
	if err == nil {
		_, err = x.w.Write(a.body[half:])
	}
	if err != nil {
		x.info.Unsent = fmt.Errorf("as4: write the answer: %w", err)
	}
}
