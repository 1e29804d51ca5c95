package sbdh

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Options of Read.
type Options struct {
	// FullStandard reports whether documents of this type have the full document type identifier in Standard, as the
	// sample of Norwegian letters to citizens does (SBDH-027 in design.md §3). nil means never.
	FullStandard func(peppol.DocTypeID) bool
	// Content, when set, receives the decoded content of a BinaryContent or TextContent, as a stream (SBDH-032).
	Content io.Writer
}

// Read reads a StandardBusinessDocument from r to its end, in constant memory, and checks SBDH-001 to SBDH-047 as far
// as they concern the document alone. Its errors are *Error, or those of r.
func Read(r io.Reader, opt Options) (*Header, *Payload, error) {
	s, err := safe.NewScanner(r, safe.Document)
	if err != nil {
		return nil, nil, notXML(err)
	}
	d := &document{opt: opt}
	for {
		ev, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, notXML(err)
		}
		if err := d.event(ev); err != nil {
			return nil, nil, err
		}
	}
	if d.header == nil {
		return nil, nil, bad("missing-sbdh", "SBDH-001", "the document is not a StandardBusinessDocument with a header")
	}
	if d.payload.Root.Local == "" {
		return nil, nil, bad("invalid-business-message", "SBDH-001", "the envelope holds no business document")
	}
	return d.header, &d.payload, nil
}

// notXML turns an error about the XML into an envelope error and leaves errors of reading as they are.
func notXML(err error) error {
	var x *safe.Error
	if !errors.As(err, &x) {
		return err
	}
	return &Error{Keyword: "invalid-sbd-xml", Rule: "SBDH-039", Msg: "the payload is not acceptable XML", Err: err}
}

// document is the state while an envelope is read.
type document struct {
	opt     Options
	tree    []*element // open elements of the header
	head    *element
	header  *Header
	payload Payload
	content *content
	number  *strings.Builder // of the business document, while its element is open
}

// element is an element of the header.
type element struct {
	name  safe.Name
	attrs []safe.Attr
	text  strings.Builder
	kids  []*element
}

func (d *document) event(ev *safe.Event) error {
	switch {
	case ev.Depth == 0 && ev.Kind == safe.Element:
		return isEnvelope(ev)
	case d.header == nil:
		return d.inHeader(ev)
	}
	return d.inBody(ev)
}

func isEnvelope(ev *safe.Event) error {
	if !ev.Name.Is(NS, "StandardBusinessDocument") {
		return bad("invalid-sbd-xml", "SBDH-001", "the payload is not a StandardBusinessDocument")
	}
	p := &parser{}
	p.attributes(&element{name: ev.Name, attrs: ev.Attrs}, ev.Name.Local, nil)
	return p.err
}

// inHeader collects the header, which comes first (SBDH-037) and is small (SBDH-047).
func (d *document) inHeader(ev *safe.Event) error {
	if ev.Until > maxHeader {
		return bad("invalid-sbd-xml", "SBDH-047", "the header is longer than 64 KiB")
	}
	switch ev.Kind {
	case safe.Element:
		if len(d.tree) == 0 && !ev.Name.Is(NS, "StandardBusinessDocumentHeader") {
			return bad("missing-sbdh", "SBDH-001", "the envelope does not start with its header")
		}
		e := &element{name: ev.Name, attrs: slices.Clone(ev.Attrs)}
		if len(d.tree) > 0 {
			up := d.tree[len(d.tree)-1]
			up.kids = append(up.kids, e)
		} else {
			d.head = e
			d.payload.HeaderStart = ev.Offset
		}
		d.tree = append(d.tree, e)
	case safe.Text:
		if len(d.tree) > 0 {
			d.tree[len(d.tree)-1].text.Write(ev.Value)
		} else if !blank(string(ev.Value)) {
			return bad("invalid-sbd-xml", "SBDH-039", "text outside the header")
		}
	case safe.End:
		if len(d.tree) == 0 {
			return nil // the empty document: Read reports it
		}
		if d.tree = d.tree[:len(d.tree)-1]; len(d.tree) == 0 {
			d.payload.HeaderEnd = ev.Until
			h, err := parse(d.head)
			d.header = h
			return err
		}
	}
	return nil
}

// inBody follows the business document and decodes wrapped content.
func (d *document) inBody(ev *safe.Event) error {
	if ev.Depth == 1 {
		switch ev.Kind {
		case safe.Element:
			return d.startBody(ev)
		case safe.End:
			d.payload.End = ev.Until
			if d.content != nil {
				return d.content.close()
			}
		case safe.Text:
			if !blank(string(ev.Value)) {
				return bad("invalid-sbd-xml", "SBDH-039", "text beside the business document")
			}
		}
		return nil
	}
	if ev.Depth > 1 && !d.payload.Wrapped {
		d.readNumber(ev)
	}
	if d.content == nil || ev.Depth == 0 {
		return nil
	}
	switch ev.Kind {
	case safe.Element:
		return bad("invalid-business-message", "SBDH-032", "an element inside wrapped content")
	case safe.Text:
		return d.content.write(ev.Value)
	}
	return nil
}

// readNumber takes the number of the business document, the one thing of it that is read beside its root.
func (d *document) readNumber(ev *safe.Event) {
	switch {
	case ev.Kind == safe.Element:
		d.number = nil
		if ev.Depth == 2 && doctype.IsNumber(d.payload.Root, ev.Name) {
			d.number = &strings.Builder{}
		}
	case d.number == nil:
	case ev.Kind == safe.Text && d.number.Len() < maxValue:
		d.number.Write(ev.Value)
	case ev.Kind == safe.End:
		d.payload.Number, d.number = doctype.Number(d.number.String()), nil
	}
}

// startBody checks the root of the business document against the header (SBDH-003, SBDH-022, SBDH-023, SBDH-027).
func (d *document) startBody(ev *safe.Event) error {
	p, h := &d.payload, d.header
	if p.Root.Local != "" {
		return bad("invalid-business-message", "SBDH-001", "the envelope holds more than one business document")
	}
	p.Root, p.Start = ev.Name, ev.Offset
	if ev.Name.Space == NS {
		return bad("invalid-business-message", "SBDH-003", "an envelope inside an envelope")
	}
	if ev.Name.Space == Wrapper && (ev.Name.Local == "BinaryContent" || ev.Name.Local == "TextContent") {
		p.Wrapped = true
		p.MimeType, _ = ev.Attr("", "mimeType")
		if blank(p.MimeType) {
			return bad("invalid-business-message", "SBDH-030", "wrapped content without mimeType")
		}
		d.content = newContent(d.opt.Content, ev.Name.Local == "BinaryContent")
		return nil // SBDH-029: the checks of SBDH-027 do not apply
	}
	return d.checkStandard(h, ev.Name)
}

func (d *document) checkStandard(h *Header, root safe.Name) error {
	full := d.opt.FullStandard != nil && d.opt.FullStandard(h.DocType)
	switch {
	case full && h.Standard == h.DocType.Value():
	case h.Standard == "", h.Standard != root.Space, !strings.HasPrefix(h.DocType.Value(), h.Standard):
		return bad("invalid-standard", "SBDH-027", "Standard %q, document type and root namespace %q do not agree",
			h.Standard, root.Space)
	}
	if h.Type != root.Local {
		return bad("invalid-type", "SBDH-027", "Type %q is not the root element %q", h.Type, root.Local)
	}
	if h.TypeVersion == "" || strings.Contains(h.TypeVersion, ":") ||
		!strings.HasSuffix(h.DocType.Value(), ":"+h.TypeVersion) {
		return bad("invalid-type-version", "SBDH-027", "TypeVersion %q is not the end of the document type",
			h.TypeVersion)
	}
	return nil
}
