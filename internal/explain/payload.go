package explain

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/sbdh"
)

// payload reads the payload of an opened attachment: hash, envelope, business document.
func (x *explainer) payload() {
	open, ok := x.payloadPart()
	if !ok {
		return
	}
	packed := &counter{r: open()}
	br := bufio.NewReaderSize(packed, 64<<10)
	head, _ := br.Peek(2) // a shorter payload is reported below
	x.head = bytes.Clone(head)
	p := &Payload{}
	x.rep.Payload = p
	var src io.Reader = br
	compressed := as4.IsGzip(x.head)
	if compressed {
		var err error
		if src, err = as4.Inflate(br, as4.DefaultMaxExpanded); err != nil {
			x.gunzipFailed(err)
			return
		}
	}
	sum := sha256.New()
	out := &output{w: x.opt.Payload}
	all := &counter{r: io.TeeReader(io.LimitReader(src, as4.DefaultMaxExpanded+1), io.MultiWriter(sum, out))}
	x.sbdh(all, p)
	p.Bytes = drain(all)
	p.SHA256 = hex.EncodeToString(sum.Sum(nil))
	read := all.err == nil || errors.Is(all.err, as4.ErrTrailing)
	p.Complete = read && out.err == nil && p.Bytes <= as4.DefaultMaxExpanded
	if compressed {
		p.CompressedBytes = packed.n
	}
	switch x.writeErr = out.err; {
	case x.writeErr != nil:
	case all.err != nil:
		x.gunzipFailed(all.err)
	case p.Bytes > as4.DefaultMaxExpanded:
		x.broken(Problem{
			Layer: LayerPayload, Rule: "SEC-100", Text: "the payload is larger than 1 GiB",
			Code: ebms.CodeOther,
		})
	}
}

// gunzipFailed reports what the Receiver's reader of compressed payloads says.
func (x *explainer) gunzipFailed(err error) {
	p := Problem{Layer: LayerPayload, Rule: "AS4-058", Code: ebms.CodeDecompressionFailure}
	if errors.Is(err, as4.ErrExpanded) {
		p.Rule = "SEC-100"
	}
	var ee *ebms.Error
	if errors.As(err, &ee) && ee.Err != nil {
		err = ee.Err
	}
	p.Text = "the payload cannot be decompressed as it must: " + err.Error()
	x.broken(p)
}

// openedAs returns the attachment that a cid: URL names, if it could be opened.
func (x *explainer) openedAs(url string) (opened, bool) {
	id, err := mime.ContentID(url)
	open, ok := x.opened[id]
	return open, ok && err == nil
}

// payloadPart returns the attachment that PartInfo names, or else the first one that could be opened.
func (x *explainer) payloadPart() (opened, bool) {
	if x.user != nil && len(x.user.Parts) > 0 {
		if open, ok := x.openedAs(x.user.Parts[0].Href); ok {
			return open, true
		}
	}
	for _, r := range x.rep.Signature.References {
		if open, ok := x.openedAs(r.URI); ok {
			return open, true
		}
	}
	return nil, false
}

// output writes to w, if there is one, and remembers the first error; reading goes on, for the hash.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	if o.w != nil && o.err == nil {
		_, o.err = o.w.Write(p)
	}
	return len(p), nil
}

// sbdh reads the envelope while the payload streams by.
func (x *explainer) sbdh(r *counter, p *Payload) {
	s := &SBDH{Attributes: []Property{}, Warnings: []string{}}
	x.rep.SBDH = s
	h, body, err := sbdh.Read(r, sbdh.Options{})
	var se *sbdh.Error
	switch {
	case errors.As(err, &se):
		s.Defect = &Defect{Rule: se.Rule, Text: withCause(se.Keyword+": "+se.Msg, se.Err)}
		x.broken(Problem{Layer: LayerSBDH, Rule: se.Rule, Text: s.Defect.Text, Code: ebms.CodeOther})
		return
	case err != nil: // of the decompression, which is reported there
		s.Defect = &Defect{Rule: "AS4-058", Text: err.Error()}
		return
	}
	s.OK = true
	s.Sender, s.Receiver = h.Sender.String(), h.Receiver.String()
	s.DocType, s.Process, s.CountryC1 = h.DocType.String(), h.Process.String(), h.CountryC1
	s.InstanceID, s.Created, s.MLSTo, s.MLSType = h.InstanceID, h.Created, h.MLSTo, h.MLSType
	s.Standard, s.TypeVersion, s.Type = h.Standard, h.TypeVersion, h.Type
	for _, a := range h.Attributes {
		s.Attributes = append(s.Attributes, Property{Name: a.Type, Type: a.Identifier, Value: a.Value})
	}
	s.Warnings = append(s.Warnings, h.Warnings...)
	p.RootNamespace, p.RootElement, p.Wrapped, p.MimeType = body.Root.Space, body.Root.Local, body.Wrapped,
		body.MimeType
	x.sbd = h
}
