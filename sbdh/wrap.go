package sbdh

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/xml/safe"
)

// check refuses a header that lacks something; nothing gets a default (SBDH-034, SBDH-016, SBDH-021).
func (h *Header) check() error {
	switch {
	case h.Sender.IsZero():
		return bad("invalid-sender-value", "SBDH-034", "the sender is missing")
	case h.Receiver.IsZero():
		return bad("invalid-receiver-value", "SBDH-034", "the receiver is missing")
	case h.DocType.IsZero():
		return bad("missing-document-type-identifier", "SBDH-034", "the document type is missing")
	case h.Process.IsZero():
		return bad("missing-process-identifier", "SBDH-034", "the process is missing")
	case h.CountryC1 == "":
		return bad("missing-country-c1", "SBDH-034", "the country of the sender (COUNTRY_C1) is missing")
	case !peppol.KnownCountry(h.CountryC1):
		return bad("invalid-country-c1", "SBDH-016", "the country of the sender (COUNTRY_C1) is not an ISO 3166-1 code")
	case h.InstanceID == "" || len(h.InstanceID) > maxInstance || h.Created == "":
		return bad("invalid-instance-identifier", "SBDH-008", "InstanceIdentifier or creation time is missing")
	case (h.MLSTo != "" || h.MLSType != "") && strings.Contains(h.DocType.Value(), "##urn:peppol:edec:mls:"):
		return bad("invalid-mls-to", "SBDH-021", "an envelope that carries an MLS must not ask for one")
	}
	return nil
}

// derive fills Standard, Type and TypeVersion from the document type (SBDH-022 to SBDH-025).
func (h *Header) derive() error {
	if h.Standard != "" {
		return nil
	}
	space, local, ok := h.DocType.Root()
	if !ok {
		return bad("invalid-standard", "SBDH-029",
			"Standard, Type and TypeVersion cannot be derived from this document type and must be given")
	}
	h.Standard, h.Type, h.TypeVersion = space, local, h.DocType.Version()
	return nil
}

// Wrap writes an envelope around the XML document in body. The bytes of the document are copied unchanged except for
// its XML declaration and byte order mark, so that signatures in it stay valid (SBDH-036); another encoding is
// converted to UTF-8 (SBDH-002). The document must be well-formed and have the root element that the document type
// names (SBDH-026). The header fields Standard, Type and TypeVersion are derived if they are empty.
func Wrap(dst io.Writer, h *Header, body io.Reader) error {
	if err := errors.Join(h.check(), h.derive()); err != nil {
		return err
	}
	src, err := safe.UTF8(body)
	if err != nil {
		return notXML(err)
	}
	br := bufio.NewReaderSize(src, 4<<10)
	if err := dropDeclaration(br); err != nil {
		return err
	}
	if err := h.write(dst); err != nil {
		return err
	}
	first := true
	err = safe.Scan(io.TeeReader(br, dst), safe.Document, func(ev *safe.Event) error {
		if ev.Kind != safe.Element || !first {
			return nil
		}
		first = false
		if ev.Name.Space == NS || ev.Name.Space == Wrapper {
			return bad("invalid-business-message", "SBDH-003", "the document is an envelope already")
		}
		if space, local, ok := h.DocType.Root(); !ok || ev.Name.Space != space || ev.Name.Local != local {
			return bad("invalid-standard", "SBDH-026",
				"the document's root element %q of namespace %q is not the one of the document type", ev.Name.Local,
				ev.Name.Space)
		}
		return nil
	})
	if err != nil {
		return notXML(err)
	}
	return h.writeEndTag(dst)
}

// dropDeclaration skips an XML declaration.
func dropDeclaration(br *bufio.Reader) error {
	head, err := br.Peek(1024)
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.HasPrefix(head, []byte("<?xml ")) && !bytes.HasPrefix(head, []byte("<?xml\t")) {
		return nil
	}
	i := bytes.Index(head, []byte("?>"))
	if i < 0 {
		return bad("invalid-business-message", "SBDH-036", "the XML declaration of the document is malformed")
	}
	i += 2
	for i < len(head) && strings.IndexByte(" \t\r\n", head[i]) >= 0 {
		i++
	}
	_, err = br.Discard(i)
	return err
}

// WrapBinary writes an envelope with BinaryContent: the bytes of body in base64 (SBDH-030). Standard, Type and
// TypeVersion must be given if the document type is not that of an XML document (SBDH-029).
func WrapBinary(dst io.Writer, h *Header, mimeType string, body io.Reader) error {
	if err := h.wrapper(mimeType); err != nil {
		return err
	}
	if err := h.write(dst); err != nil {
		return err
	}
	if _, err := dst.Write(open("BinaryContent", mimeType)); err != nil {
		return err
	}
	enc := base64.NewEncoder(base64.StdEncoding, dst)
	if _, err := io.Copy(enc, body); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	return closeWrapper(dst, h, "BinaryContent")
}

// WrapText writes an envelope with TextContent (SBDH-031). A text that is not UTF-8, or has characters that XML does
// not allow, is refused.
func WrapText(dst io.Writer, h *Header, mimeType string, body io.Reader) error {
	if err := h.wrapper(mimeType); err != nil {
		return err
	}
	if err := h.write(dst); err != nil {
		return err
	}
	if _, err := dst.Write(open("TextContent", mimeType)); err != nil {
		return err
	}
	if err := copyText(dst, body); err != nil {
		return err
	}
	return closeWrapper(dst, h, "TextContent")
}

// copyText escapes text, checking each character.
func copyText(dst io.Writer, text io.Reader) error {
	r, out := bufio.NewReader(text), make([]byte, 0, 4<<10)
	for {
		c, size, err := r.ReadRune()
		if err != nil || len(out) > 4<<10-16 {
			if _, werr := dst.Write(out); werr != nil {
				return werr
			}
			out = out[:0]
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if c == utf8.RuneError && size == 1 || !safe.IsChar(c) {
			return bad("invalid-business-message", "SBDH-031",
				"the text is not UTF-8, or has a character that XML does not allow")
		}
		out = safe.AppendText(out, utf8.AppendRune(nil, c))
	}
}

func (h *Header) wrapper(mimeType string) error {
	if blank(mimeType) {
		return bad("invalid-business-message", "SBDH-030", "wrapped content needs a media type")
	}
	return errors.Join(h.check(), h.derive())
}

func open(name, mimeType string) []byte {
	b := append([]byte("<"+name+` xmlns="`+Wrapper+`" mimeType="`), safe.AppendAttr(nil, mimeType)...)
	return append(b, `">`...)
}

func closeWrapper(dst io.Writer, h *Header, name string) error {
	if _, err := io.WriteString(dst, "</"+name+">"); err != nil {
		return err
	}
	return h.writeEndTag(dst)
}

// write writes the start of the envelope. The SBDH namespace has a prefix, because a default namespace would change the
// meaning of a document without one (SBDH-036); the header is compact and comes first (SBDH-037).
func (h *Header) write(dst io.Writer) error {
	w := &writer{}
	w.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<sh:StandardBusinessDocument xmlns:sh="` + NS +
		`"><sh:StandardBusinessDocumentHeader>`)
	w.leaf("HeaderVersion", "1.0")
	w.party("Sender", h.Sender)
	w.party("Receiver", h.Receiver)
	w.raw("<sh:DocumentIdentification>")
	w.leaf("Standard", h.Standard)
	w.leaf("TypeVersion", h.TypeVersion)
	w.leaf("InstanceIdentifier", h.InstanceID)
	w.leaf("Type", h.Type)
	w.leaf("CreationDateAndTime", h.Created)
	w.raw("</sh:DocumentIdentification><sh:BusinessScope>")
	w.scope("DOCUMENTID", h.DocType.Value(), h.DocType.Scheme())
	w.scope("PROCESSID", h.Process.Value(), h.Process.Scheme())
	w.scope("COUNTRY_C1", h.CountryC1, "")
	if h.MLSTo != "" {
		w.scope("MLS_TO", h.MLSTo, peppol.SchemeParticipant)
	}
	if h.MLSType != "" {
		w.scope("MLS_TYPE", h.MLSType, "")
	}
	for _, a := range h.Attributes {
		if reserved[a.Type] {
			return bad("invalid-scope-count", "SBDH-019", "a free attribute must not be named %s", a.Type)
		}
		w.scope(a.Type, a.Value, a.Identifier)
	}
	w.raw("</sh:BusinessScope></sh:StandardBusinessDocumentHeader>")
	if len(w.b) > maxHeader {
		return bad("invalid-sbd-xml", "SBDH-047", "the header is longer than 64 KiB")
	}
	_, err := dst.Write(w.b)
	return err
}

func (h *Header) writeEndTag(dst io.Writer) error {
	_, err := io.WriteString(dst, "</sh:StandardBusinessDocument>\n")
	return err
}

type writer struct{ b []byte }

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) leaf(name, text string) {
	w.raw("<sh:" + name + ">")
	w.b = safe.AppendText(w.b, text)
	w.raw("</sh:" + name + ">")
}

func (w *writer) party(name string, p peppol.ParticipantID) {
	w.raw("<sh:" + name + `><sh:Identifier Authority="` + p.Scheme() + `">`)
	w.b = safe.AppendText(w.b, p.Value())
	w.raw("</sh:Identifier></sh:" + name + ">")
}

func (w *writer) scope(typ, value, identifier string) {
	w.raw("<sh:Scope>")
	w.leaf("Type", typ)
	w.leaf("InstanceIdentifier", value)
	if identifier != "" {
		w.leaf("Identifier", identifier)
	}
	w.raw("</sh:Scope>")
}
