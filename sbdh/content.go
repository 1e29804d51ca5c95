package sbdh

import (
	"encoding/base64"
	"io"
)

// content decodes a wrapped payload as it streams by (SBDH-030 to SBDH-032).
type content struct {
	dst    io.Writer
	binary bool
	quad   [4]byte // base64 characters not yet decoded
	n      int
	padded bool // a padded group was decoded: nothing may follow
	out    []byte
}

func newContent(dst io.Writer, binary bool) *content {
	if dst == nil {
		dst = io.Discard
	}
	return &content{dst: dst, binary: binary}
}

func (c *content) write(text []byte) error {
	if !c.binary {
		_, err := c.dst.Write(text)
		return err
	}
	c.out = c.out[:0]
	for _, b := range text {
		if b == ' ' || b == '\t' || b == '\r' || b == '\n' {
			continue
		}
		c.quad[c.n] = b
		if c.n++; c.n == 4 {
			if err := c.group(); err != nil {
				return err
			}
		}
	}
	_, err := c.dst.Write(c.out)
	return err
}

// group decodes four characters strictly.
func (c *content) group() error {
	var three [3]byte
	n, err := base64.StdEncoding.Strict().Decode(three[:], c.quad[:])
	if err != nil || c.padded {
		return bad("invalid-business-message", "SBDH-032", "BinaryContent is not base64")
	}
	c.padded = n < 3
	c.out = append(c.out, three[:n]...)
	c.n = 0
	return nil
}

func (c *content) close() error {
	if c.n != 0 {
		return bad("invalid-business-message", "SBDH-032", "BinaryContent is not base64")
	}
	return nil
}
