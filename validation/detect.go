package validation

import (
	"bytes"
	"io"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

// subject is what a document says about itself: enough to choose its rules.
type subject struct {
	root                   safe.Name
	customization, profile string
	envelope               bool   // it is wrapped in a StandardBusinessDocument
	docType, process       string // from the envelope
}

const (
	nsCBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
	nsSBD = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
	nsRAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
)

// detect reads the beginning of a document. It stops as soon as it knows enough; that the rest is well-formed is not said.
func detect(doc []byte) (subject, error) {
	var d detector
	err := safe.Scan(bytes.NewReader(doc), safe.Document, d.event)
	if err == io.EOF {
		err = nil
	}
	return d.subject, err
}

// maxValue is how much of an element's text is read, in bytes: identifiers are shorter.
const maxValue = 4 << 10

// own tells whether identifiers of the document have this namespace: that of UBL, or that of its root in reports.
func (d *detector) own(space string) bool { return space == nsCBC || space == d.root.Space }

type detector struct {
	subject
	path  []string
	text  strings.Builder
	scope map[string]string // of the scope under way: element to text
}

func (d *detector) event(e *safe.Event) error {
	switch e.Kind {
	case safe.Element:
		return d.start(e)
	case safe.Text:
		if d.text.Len() < maxValue {
			d.text.Write(e.Value)
		}
	case safe.End:
		d.end(e)
		d.path = d.path[:len(d.path)-1]
		if d.customization != "" && d.profile != "" {
			return io.EOF
		}
	}
	return nil
}

func (d *detector) start(e *safe.Event) error {
	depth := e.Depth
	if depth == 0 && e.Name.Is(nsSBD, "StandardBusinessDocument") {
		d.envelope = true
	}
	if d.envelope {
		depth--
	}
	if depth == 0 && !e.Name.Is(nsSBD, "StandardBusinessDocumentHeader") {
		d.root = e.Name
	}
	if e.Name.Is(nsSBD, "Scope") {
		d.scope = map[string]string{}
	}
	d.path = append(d.path, e.Name.Local)
	d.text.Reset()
	return nil
}

func (d *detector) end(e *safe.Event) {
	text := strings.TrimSpace(d.text.String())
	d.text.Reset()
	level := len(d.path)
	if d.envelope {
		level--
	}
	switch {
	case e.Name.Space == nsSBD && e.Name.Local == "Scope":
		switch d.scope["Type"] {
		case "DOCUMENTID":
			d.docType = d.scope["InstanceIdentifier"]
		case "PROCESSID":
			d.process = d.scope["InstanceIdentifier"]
		}
	case e.Name.Space == nsSBD && d.scope != nil:
		d.scope[e.Name.Local] = text
	case level == 2 && e.Name.Local == "CustomizationID" && d.own(e.Name.Space):
		d.customization = text
	case level == 2 && e.Name.Local == "ProfileID" && d.own(e.Name.Space):
		d.profile = text
	case e.Name.Is(nsRAM, "ID") && len(d.path) > 1:
		switch d.path[len(d.path)-2] {
		case "GuidelineSpecifiedDocumentContextParameter":
			d.customization = text
		case "BusinessProcessSpecifiedDocumentContextParameter":
			d.profile = text
		}
	}
}
