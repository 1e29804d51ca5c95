package sbdh

import (
	"io"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Detected is what a document says about itself. Fields that it does not say are zero.
type Detected struct {
	Envelope bool // it is a StandardBusinessDocument already
	Root     safe.Name
	DocType  peppol.DocTypeID
	Process  peppol.ProcessID
	Country  string // of the supplier or other sending party of a UBL document
}

const (
	ublPrefix = "urn:oasis:names:specification:ubl:schema:xsd:"
	nsCBC     = ublPrefix + "CommonBasicComponents-2"
	nsCII     = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
	nsRAM     = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
)

// senders are the parties of UBL documents whose country is that of C1.
var senders = map[string]bool{
	"AccountingSupplierParty": true, "BuyerCustomerParty": true, "SellerSupplierParty": true, "DespatchSupplierParty": true,
	"SenderParty": true, "ProviderParty": true,
}

// Detect reads document type, process and sender's country from the document in r: from CustomizationID and ProfileID of
// UBL, from the context parameters of Cross Industry Invoice. An envelope is only recognised as one.
func Detect(r io.Reader) (Detected, error) {
	var d detector
	err := safe.Scan(r, safe.Document, d.event)
	if err == io.EOF {
		err = nil
	}
	if err != nil {
		return Detected{}, notXML(err)
	}
	return d.result()
}

type detector struct {
	out                             Detected
	path                            []string // local names of open elements
	text                            strings.Builder
	customization, profile, version string
}

func (d *detector) event(ev *safe.Event) error {
	switch ev.Kind {
	case safe.Element:
		if ev.Depth == 0 {
			d.out.Root = ev.Name
			if d.out.Envelope = ev.Name.Is(NS, "StandardBusinessDocument"); d.out.Envelope {
				return io.EOF
			}
		}
		d.path = append(d.path, ev.Name.Local)
		d.text.Reset()
	case safe.Text:
		if d.text.Len() < maxValue {
			d.text.Write(ev.Value)
		}
	case safe.End:
		d.leaf(ev.Name, strings.TrimSpace(d.text.String()))
		d.path = d.path[:len(d.path)-1]
		d.text.Reset()
	}
	return nil
}

// leaf looks at the text of an element that ends.
func (d *detector) leaf(name safe.Name, text string) {
	switch {
	case name.Space == nsCBC && len(d.path) == 2:
		switch name.Local {
		case "CustomizationID":
			d.customization = text
		case "ProfileID":
			d.profile = text
		case "UBLVersionID":
			d.version = text
		}
	case name.Is(nsCBC, "IdentificationCode") && len(d.path) > 3 && senders[d.path[1]] && d.path[len(d.path)-2] == "Country":
		if d.out.Country == "" && peppol.KnownCountry(text) {
			d.out.Country = text
		}
	case name.Is(nsRAM, "ID") && len(d.path) == 4:
		switch d.path[2] {
		case "GuidelineSpecifiedDocumentContextParameter":
			d.customization = text
		case "BusinessProcessSpecifiedDocumentContextParameter":
			d.profile = text
		}
	}
}

// result puts the identifiers together.
func (d *detector) result() (Detected, error) {
	if d.out.Envelope || d.customization == "" {
		return d.out, nil
	}
	version := d.version
	switch {
	case d.out.Root.Space == nsCII:
		version = "D16B"
	case version == "" && strings.HasPrefix(d.out.Root.Space, ublPrefix):
		version = "2.1" // the version of all Peppol BIS documents that do not say theirs
	case version == "":
		return d.out, nil
	}
	scheme := peppol.SchemeBusdox
	if strings.HasPrefix(d.customization, "urn:peppol:pint:") {
		scheme = peppol.SchemeWildcard // SBDH-033: PINT types are registered under the wildcard scheme only
	}
	var err error
	if d.out.DocType, err = peppol.NewDocType(scheme, d.out.Root.Space+"::"+d.out.Root.Local+"##"+d.customization+"::"+version); err != nil {
		return d.out, nil
	}
	if d.profile != "" {
		d.out.Process, _ = peppol.NewProcess(peppol.SchemeProcess, d.profile)
	}
	return d.out, nil
}
