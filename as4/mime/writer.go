package mime

import (
	"fmt"
	"io"
)

// Message is a multipart/related body to be written: the SOAP part and the parts it refers to.
type Message struct {
	Boundary string
	RootID   string // content id of the SOAP part
	Root     []byte // the SOAP part
	Parts    []Content
}

// Content is one payload part: sealed octets.
type Content struct {
	ID   string // content id without angle brackets
	Body io.Reader
}

// ContentType returns the Content-Type header for the body (AS4-011, AS4-012; no charset, AS4-013).
func (m *Message) ContentType() string {
	return fmt.Sprintf(`%s; type="%s"; boundary="%s"; start="<%s>"; start-info="%s"`, Multipart, SOAP, m.Boundary,
		m.RootID, SOAP)
}

// WriteTo writes the body (AS4-014, AS4-017, AS4-022). There is no preamble and no epilogue.
func (m *Message) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	fmt.Fprintf(c,
		"--%s\r\nContent-Type: %s; charset=UTF-8\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <%s>\r\n\r\n",
		m.Boundary, SOAP, m.RootID)
	_, _ = c.Write(m.Root)
	for _, p := range m.Parts {
		fmt.Fprintf(c, "\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n"+
			"Content-ID: <%s>\r\n\r\n", m.Boundary, p.ID)
		if c.err == nil {
			if _, err := io.Copy(c, p.Body); err != nil {
				return c.n, err
			}
		}
	}
	fmt.Fprintf(c, "\r\n--%s--\r\n", m.Boundary)
	return c.n, c.err
}

// counter counts what it writes and remembers the first error.
type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) Write(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.err = err
	return n, err
}
