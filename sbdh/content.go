package sbdh

import (
	"io"

	"github.com/ravn-ap/ravn/internal/b64"
)

// content decodes a wrapped payload as it streams by (SBDH-030 to SBDH-032).
type content struct {
	dst    io.Writer
	binary bool
	base64 b64.Decoder
	out    []byte
}

func newContent(dst io.Writer, binary bool) *content {
	if dst == nil {
		dst = io.Discard
	}
	return &content{dst: dst, binary: binary, base64: b64.Decoder{White: b64.XML}}
}

func (c *content) write(text []byte) (err error) {
	if !c.binary {
		_, err := c.dst.Write(text)
		return err
	}
	if c.out, err = c.base64.Append(c.out[:0], text); err != nil {
		return notBase64()
	}
	_, err = c.dst.Write(c.out)
	return err
}

func (c *content) close() error {
	if c.base64.Close() != nil {
		return notBase64()
	}
	return nil
}

func notBase64() error {
	return bad("invalid-business-message", "SBDH-032", "BinaryContent is not base64")
}
