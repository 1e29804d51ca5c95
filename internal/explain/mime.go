package explain

import (
	"bytes"
	"errors"
	"io"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/as4/wssec"
)

// packaging splits the body into its parts. What was read before an error stays.
func (x *explainer) packaging(src *source) {
	m := &MIME{Parts: []Part{}, Multipart: src.ct.Media == mime.Multipart}
	x.rep.MIME = m
	var err error
	if m.Multipart {
		err = x.split(mime.NewReader(src.r, src.ct))
	} else if x.soap, err = io.ReadAll(src.r); err == nil || len(x.soap) > 0 {
		m.Parts = append(m.Parts, Part{ContentType: mime.SOAP, Bytes: int64(len(x.soap))})
	}
	x.rep.HTTP.BodyBytes = drain(src.r)
	if x.loose {
		if _, serr := wssec.ReadSignal(x.soap, wssec.EDelivery1); err != nil || serr != nil {
			x.soap = src.envelope
		}
	}
	m.Complete = err == nil && src.r.err == nil && (x.rep.HTTP.Defect == nil || x.rep.HTTP.Defect.Rule != "SEC-021")
	var me *mime.Error
	switch {
	case errors.As(err, &me):
		m.Defect = x.framing(me)
	case !m.Complete:
		m.Defect = &Defect{Rule: "SEC-021", Text: "the body ends early"}
		if f := x.rep.HTTP.Defect; f != nil {
			m.Defect.Text = f.Text
		} else if cause := errors.Join(err, src.r.err); cause != nil {
			m.Defect.Text = withCause(m.Defect.Text, cause)
		}
		x.broken(Problem{Layer: LayerMIME, Rule: m.Defect.Rule, Text: m.Defect.Text, Blame: Capture, Stops: true})
	}
}

// framing reports a broken multipart. A message that just ends was cut; everything else was written so.
func (x *explainer) framing(me *mime.Error) *Defect {
	p := Problem{Layer: LayerMIME, Rule: me.Rule, Text: me.Msg, Stops: true}
	if me == mime.ErrTruncated && !x.loose {
		p.Blame = Capture
	}
	x.broken(p)
	return &Defect{Rule: me.Rule, Text: me.Msg}
}

// split reads the parts: the SOAP part, and the others into memory.
func (x *explainer) split(r *mime.Reader) error {
	m := x.rep.MIME
	for {
		p, err := r.Next()
		if err == io.EOF {
			if f := r.HeaderError(); f != nil {
				m.Defect = x.refused(LayerMIME, f, false)
			}
			return nil
		}
		if err != nil {
			return err
		}
		var data bytes.Buffer
		_, err = data.ReadFrom(p)
		m.Parts = append(m.Parts, Part{
			ContentID: p.ContentID, ContentType: p.ContentType, Bytes: int64(data.Len()), Base64: p.Base64,
		})
		x.base64 = x.base64 || p.Base64
		if len(m.Parts) == 1 {
			if err != nil {
				return err
			}
			x.soap = data.Bytes()
			continue
		}
		x.parts = append(x.parts, part{
			cid: p.ContentID, contentType: p.ContentType, data: data.Bytes(),
			complete: err == nil,
		})
		if err != nil {
			return err
		}
	}
}
