// Package doctype reads what a business document says about itself: its root element, and the identifiers of UBL, of
// Cross Industry Invoice and of the reports of Peppol, as they are written. Identify does so for somebody who looks
// for the rules of a document, Inspect for somebody who is about to send it.
package doctype

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/xml/safe"
)

// Namespaces of documents.
const (
	NSEnvelope = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
	UBL        = "urn:oasis:names:specification:ubl:schema:xsd:" // begins those of all UBL documents
	NSInvoice  = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"

	nsCBC = UBL + "CommonBasicComponents-2"
	nsRAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
)

// About is what a document says about itself. What it does not say is zero.
type About struct {
	Envelope      bool      // it is a StandardBusinessDocument
	Root          safe.Name // of the document inside an envelope, or of the envelope if nobody looked inside
	Customization string    // CustomizationID of UBL, or the guideline parameter of Cross Industry Invoice
	Profile       string    // ProfileID, or the business process parameter
	Version       string    // UBLVersionID
	Country       string    // of the party that sends it; of Inspect only, like both below
	Sender        Endpoint  // of that party, if the document says who it is (C1)
	Receiver      Endpoint  // of the party that it is for (C4)
	Number        string    // the document's own, of UBL; of Inspect only, because it may stand anywhere

	DocType, Process string // from the scopes of an envelope
}

// Identify reads the beginning of a document, or of the one inside an envelope, to find the rules for it. It stops as
// soon as customization and profile are known; the rest need not be well-formed. The reports of Peppol have these
// identifiers in a namespace of their own, which counts like that of UBL.
func Identify(r io.Reader) (About, error) {
	return read(r, &detector{inside: true})
}

// Inspect reads a whole document that is to be put into an envelope, with the addresses of sender and receiver, and the
// country of its sender if known accepts it. An envelope is only recognised as one: its header says what is inside.
func Inspect(r io.Reader, known func(country string) bool) (About, error) {
	d := &detector{known: known}
	about, err := read(r, d)
	d.sides.tell(&about)
	return about, err
}

func read(r io.Reader, d *detector) (About, error) {
	err := safe.Scan(r, safe.Document, d.event)
	if err == io.EOF {
		err = nil
	}
	return d.About, err
}

// maxValue is how much of an element's text is read, in bytes: identifiers are shorter.
const maxValue = 4 << 10

// detector follows a scan and keeps what it is asked for.
type detector struct {
	About
	inside bool              // look into an envelope, and stop when the identifiers are known
	known  func(string) bool // nil: nobody asks for the country

	sides
	path  []string // local names of open elements, without that of an envelope
	text  strings.Builder
	scope map[string]string // of the scope under way: element to text
}

func (d *detector) event(e *safe.Event) error {
	switch e.Kind {
	case safe.Element:
		return d.startElement(e)
	case safe.Text:
		if d.text.Len() < maxValue {
			d.text.Write(e.Value)
		}
	case safe.End:
		d.endElement(e.Name, strings.TrimSpace(d.text.String()))
		d.text.Reset()
		if len(d.path) > 0 {
			d.path = d.path[:len(d.path)-1]
		}
		if d.inside && d.Customization != "" && d.Profile != "" {
			return io.EOF
		}
	}
	return nil
}

func (d *detector) startElement(e *safe.Event) error {
	d.text.Reset()
	if e.Depth == 0 && e.Name.Is(NSEnvelope, "StandardBusinessDocument") {
		if d.Envelope = true; d.inside {
			return nil
		}
		d.Root = e.Name
		return io.EOF
	}
	if len(d.path) == 0 && !(d.Envelope && e.Name.Is(NSEnvelope, "StandardBusinessDocumentHeader")) {
		d.Root = e.Name
	}
	if d.Envelope && e.Name.Is(NSEnvelope, "Scope") {
		d.scope = map[string]string{}
	}
	if d.path = append(d.path, e.Name.Local); len(d.path) == 1 && !d.inside {
		d.from, d.to = way(e.Name)
	}
	d.sides.start(e)
	return nil
}

// endElement looks at the text of an element that ends. The place of an element among the open ones, level, tells an
// identifier of the document from one of the same name further inside.
func (d *detector) endElement(name safe.Name, text string) {
	level := len(d.path)
	switch {
	case name.Space == NSEnvelope:
		d.envelope(name.Local, text)
	case level == 2 && (name.Space == nsCBC || d.inside && name.Space == d.Root.Space):
		switch name.Local {
		case "CustomizationID":
			d.Customization = text
		case "ProfileID":
			d.Profile = text
		case "UBLVersionID":
			d.Version = text
		}
		if !d.inside && IsNumber(d.Root, name) {
			d.Number = Number(text)
		}
	case level == 4 && name.Is(nsRAM, "ID"):
		switch d.path[2] {
		case "GuidelineSpecifiedDocumentContextParameter":
			d.Customization = text
		case "BusinessProcessSpecifiedDocumentContextParameter":
			d.Profile = text
		}
	}
	if !d.inside {
		d.sides.end(d.path, name, text, d.known)
	}
}

// IsNumber reports whether an element directly below the root of a document holds the number of the document: cbc:ID of
// UBL (API-120).
func IsNumber(root, name safe.Name) bool {
	return strings.HasPrefix(root.Space, UBL) && name.Is(nsCBC, "ID")
}

// maxNumber is how many characters of a number are kept.
const maxNumber = 100

// Number is the form in which a document number is kept and looked for: without blanks around it, and the beginning of
// one that is too long.
func Number(text string) string {
	text = strings.TrimSpace(text)
	for n := range text {
		if maxNumber <= n && utf8.RuneCountInString(text[:n]) == maxNumber {
			return text[:n]
		}
	}
	return text
}

// envelope keeps what the scopes say of document type and process.
func (d *detector) envelope(local, text string) {
	switch {
	case d.scope == nil:
	case local != "Scope":
		d.scope[local] = text
	case d.scope["Type"] == "DOCUMENTID":
		d.DocType = d.scope["InstanceIdentifier"]
	case d.scope["Type"] == "PROCESSID":
		d.Process = d.scope["InstanceIdentifier"]
	}
}
