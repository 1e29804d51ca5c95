package explain

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
)

// source is the body of the message, without transfer and content encoding.
type source struct {
	ct       mime.ContentType
	r        *counter
	envelope []byte // of an answer: the envelope that counts, whatever is around it
}

// counter counts what is read and remembers why it ended early.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

var (
	requestLine = regexp.MustCompile(`^[A-Z]+ \S+ HTTP/\d`)
	headerLine  = regexp.MustCompile(`^[A-Za-z0-9-]+:[ \t]?\S`)
	chunkLine   = regexp.MustCompile(`^[0-9A-Fa-f]+[ \t]*(;[^\r\n]*)?\r?\n`)
)

// shownHeaders are the headers that matter.
var shownHeaders = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Host", "User-Agent", "Server", "Date",
	"Location", "Retry-After",
	"Soapaction",
}

// transport takes the HTTP layer off. ok is false when no AS4 content is in it.
func (x *explainer) transport(input []byte) (src *source, ok bool) {
	h := &HTTP{Kind: KindBody, Headers: map[string]string{}, Notes: []string{}}
	x.rep.HTTP = h
	if len(bytes.TrimSpace(input)) == 0 {
		return nil, x.noMessage("AS4-120", "the file is empty", Capture)
	}
	head, raw := splitHead(input)
	header := http.Header{}
	var err error
	if head != nil {
		if header, err = h.readHead(head); err != nil {
			h.Defect = &Defect{Rule: "SEC-010", Text: "the HTTP header cannot be read: " + err.Error()}
			return nil, x.noMessage("SEC-010", h.Defect.Text, Capture)
		}
		x.httpRules(header)
	}
	body, err := h.decode(header, raw)
	if err != nil {
		h.Defect = &Defect{Rule: "AS4-119", Text: err.Error()}
		return nil, x.noMessage("AS4-119", err.Error(), Capture)
	}
	return x.content(header["Content-Type"], body)
}

// noMessage reports that there is no AS4 content. It returns false.
func (x *explainer) noMessage(rule, text string, blame Blame) bool {
	x.broken(Problem{Layer: LayerHTTP, Rule: rule, Text: text, Blame: blame, Stops: true})
	return false
}

// splitHead parts header and body; head is nil when the file holds a body only.
func splitHead(input []byte) (head, body []byte) {
	line, _, _ := bytes.Cut(input[:min(len(input), 8<<10)], []byte("\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/")) && !requestLine.Match(line) && !headerLine.Match(line) {
		return nil, input
	}
	// Captures that went through an editor have LF line ends; the first blank line ends the header either way.
	end, width := bytes.Index(input, []byte("\r\n\r\n")), 4
	if lf := bytes.Index(input, []byte("\n\n")); lf >= 0 && (end < 0 || lf < end) {
		end, width = lf, 2
	}
	if end < 0 {
		return append(bytes.Clone(input), "\r\n\r\n"...), nil
	}
	return input[:end+width], input[end+width:]
}

// readHead reads start line and header lines.
func (h *HTTP) readHead(head []byte) (http.Header, error) {
	r := bufio.NewReader(bytes.NewReader(head))
	var header http.Header
	switch {
	case bytes.HasPrefix(head, []byte("HTTP/")):
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close() // the body is read elsewhere
		h.Kind, h.Status, h.Proto, header = KindResponse, res.StatusCode, res.Proto, res.Header
		h.Reason = strings.TrimSpace(strings.TrimPrefix(res.Status, strconv.Itoa(res.StatusCode)))
		putBack(header, "Transfer-Encoding", res.TransferEncoding...)
	case requestLine.Match(head):
		req, err := http.ReadRequest(r)
		if err != nil {
			return nil, err
		}
		h.Kind, h.Method, h.Path, h.Proto, header = KindRequest, req.Method, req.RequestURI, req.Proto, req.Header
		putBack(header, "Transfer-Encoding", req.TransferEncoding...)
		putBack(header, "Host", req.Host)
	default:
		fields, err := textproto.NewReader(r).ReadMIMEHeader()
		if err != nil {
			return nil, err
		}
		h.Kind, header = KindHeaders, http.Header(fields)
	}
	for _, name := range shownHeaders {
		if v := header[name]; len(v) > 0 {
			h.Headers[name] = strings.Join(v, ", ")
		}
	}
	return header, nil
}

// putBack restores a header that net/http moves away.
func putBack(h http.Header, name string, values ...string) {
	if len(values) > 0 && values[0] != "" {
		h[name] = values
	}
}

// httpRules checks what the header alone tells.
func (x *explainer) httpRules(header http.Header) {
	h := x.rep.HTTP
	if h.Kind == KindRequest && h.Method != http.MethodPost {
		x.broken(Problem{Layer: LayerHTTP, Rule: "AS4-007", Text: "an AS4 request is a POST, this is a " + h.Method})
	}
	if h.Kind == KindRequest && as4.Encoded(header) {
		x.broken(Problem{Layer: LayerHTTP, Rule: "SEC-101", Text: "a request must not have a Content-Encoding"})
	}
	if ct := strings.ToLower(header.Get("Content-Type")); strings.HasPrefix(ct, mime.Multipart) &&
		strings.Contains(ct, "charset") {
		x.broken(Problem{
			Layer: LayerHTTP, Rule: "AS4-013",
			Text: "the Content-Type of a multipart message has a charset; web application firewalls block it",
		})
	}
}

// maxEncoded bounds an answer that was compressed by HTTP.
const maxEncoded = 64 << 20

// decode undoes chunks and gzip. Many tools store the body decoded and keep the headers: then it is taken as it stands.
func (h *HTTP) decode(header http.Header, raw []byte) (io.Reader, error) {
	var body io.Reader = bytes.NewReader(raw)
	first := raw
	if strings.EqualFold(header.Get("Transfer-Encoding"), "chunked") {
		if chunkLine.Match(raw) {
			body = httputil.NewChunkedReader(body)
			_, first, _ = bytes.Cut(raw[:min(len(raw), 256)], []byte("\n"))
		} else {
			h.note("the header says chunked, but the body was stored without chunks")
		}
	} else if n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64); err == nil {
		switch {
		case n > int64(len(raw)):
			h.Defect = &Defect{Rule: "SEC-021", Text: fmt.Sprintf(
				"the body has %d of the %d bytes that Content-Length announces", len(raw), n)}
		case n < int64(len(raw)):
			h.note(fmt.Sprintf("%d bytes behind the end of the body are left out", int64(len(raw))-n))
			body = bytes.NewReader(raw[:n])
		}
	}
	if !strings.EqualFold(header.Get("Content-Encoding"), "gzip") {
		return body, nil
	}
	if !as4.IsGzip(first) {
		h.note("the header says gzip, but the body was stored uncompressed")
		return body, nil
	}
	z, err := gzip.NewReader(body)
	if err != nil {
		return nil, errors.New("the gzip encoding of the body is broken: " + err.Error())
	}
	return io.LimitReader(z, maxEncoded), nil // as4.md §15.7: phase4 compresses its answers
}

func (h *HTTP) note(s string) { h.Notes = append(h.Notes, s) }

// content finds out how the body is packaged: by its Content-Type, or without a usable one by its first bytes. An
// answer is searched for envelopes first, as the Sender does.
func (x *explainer) content(contentType []string, r io.Reader) (*source, bool) {
	src := &source{}
	if x.rep.HTTP.Kind == KindResponse {
		whole, err := io.ReadAll(r)
		src.envelope = envelopeOf(contentType, whole)
		x.loose = src.envelope != nil
		r = io.MultiReader(bytes.NewReader(whole), broken{err})
	}
	br := bufio.NewReaderSize(r, 4<<10)
	start, _ := br.Peek(1 << 10) // a short body is all there is
	src.r = &counter{r: br}
	ct, text := sniff(start)
	if ct.Media == "" && !x.loose {
		rule := "AS4-120"
		if x.rep.HTTP.Kind == KindRequest {
			rule = "AS4-118"
		}
		x.rep.HTTP.Defect = &Defect{Rule: rule, Text: text}
		x.rep.HTTP.BodyBytes = drain(src.r)
		return nil, x.noMessage(rule, text, Capture)
	}
	if len(contentType) > 0 {
		declared, err := mime.ParseContentType(contentType)
		if err == nil {
			src.ct, x.untyped = declared, declared.Untyped
			return src, true
		}
		x.rep.HTTP.Defect = x.refused(LayerHTTP, err, false)
		x.rep.HTTP.note("the Content-Type cannot be used; the packaging was guessed from the body")
	}
	src.ct = ct
	return src, true
}

// broken ends a body as it ended.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) {
	if b.err == nil {
		return 0, io.EOF
	}
	return 0, b.err
}

// envelopeOf returns the envelope of an answer that the Sender would judge: the first with a signal in it.
func envelopeOf(contentType []string, body []byte) []byte {
	list := as4.Envelopes(contentType, body)
	for _, soap := range list {
		if u, err := wssec.ReadSignal(soap, wssec.EDelivery1); err == nil && !u.Claimed().IsZero() {
			return soap
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}

func drain(r *counter) int64 {
	_, _ = io.Copy(io.Discard, r) // r remembers its error
	return r.n
}

// sniff tells from its first bytes what a body is. Without Media the text says what it is instead.
func sniff(start []byte) (ct mime.ContentType, text string) {
	s := bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\ufeff")), " \t\r\n")
	low := bytes.ToLower(s)
	switch {
	case len(s) == 0:
		return ct, "the body is empty: no receipt, no error and no message"
	case bytes.HasPrefix(s, []byte("--")):
		line, _, _ := bytes.Cut(s[2:], []byte("\n"))
		boundary := strings.TrimSuffix(string(line), "\r")
		ct, err := mime.ParseContentType([]string{fmt.Sprintf(`%s; type="%s"; boundary="%s"`, mime.Multipart, mime.SOAP,
			boundary)})
		if err != nil {
			return mime.ContentType{}, "the body begins with two hyphens but not with a MIME delimiter"
		}
		return ct, ""
	case bytes.HasPrefix(low, []byte("<!doctype html")), bytes.Contains(low, []byte("<html")):
		return ct, "the body is an HTML page: a proxy, firewall or load balancer answered, not the access point"
	case s[0] == '<':
		return mime.ContentType{Media: mime.SOAP}, ""
	}
	return ct, fmt.Sprintf("the body is neither SOAP nor a multipart message; it begins with %.40q", s)
}
