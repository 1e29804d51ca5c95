package sbdh

import (
	"io"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/peppol/doctype"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Detected is what a document says about itself. Fields that it does not say are zero.
type Detected struct {
	Envelope bool // it is a StandardBusinessDocument already
	Root     safe.Name
	DocType  peppol.DocTypeID
	Process  peppol.ProcessID
	Country  string // of the party that sends it
	Number   string // that the document bears

	// The parties by their electronic addresses, if these are participants of an active scheme. Else Unread says why
	// not, for those that the document names.
	Sender, Receiver peppol.ParticipantID
	Unread           struct{ Sender, Receiver error }

	Customization, Profile string // CustomizationID and ProfileID as they were found, also if they are no identifiers
}

// Detect reads document type, process, both parties and the sender's country from the document in r: from
// CustomizationID, ProfileID and EndpointID of UBL, from the context parameters and URIID of Cross Industry Invoice. An
// envelope is only recognised as one.
func Detect(r io.Reader) (Detected, error) {
	about, err := doctype.Inspect(r, peppol.KnownCountry)
	if err != nil {
		return Detected{}, notXML(err)
	}
	d := Detected{
		Envelope: about.Envelope, Root: about.Root, Country: about.Country, Number: about.Number,
		Customization: about.Customization, Profile: about.Profile,
	}
	d.Sender, d.Unread.Sender = participant(about.Sender)
	d.Receiver, d.Unread.Receiver = participant(about.Receiver)
	version := typeVersion(about)
	if about.Customization == "" || version == "" {
		return d, nil
	}
	scheme := peppol.SchemeBusdox
	if strings.HasPrefix(about.Customization, "urn:peppol:pint:") {
		scheme = peppol.SchemeWildcard // SBDH-033: PINT types are registered under the wildcard scheme only
	}
	value := about.Root.Space + "::" + about.Root.Local + "##" + about.Customization + "::" + version
	if d.DocType, err = peppol.NewDocType(scheme, value); err != nil {
		return d, nil
	}
	if about.Profile != "" {
		d.Process, _ = peppol.NewProcess(peppol.SchemeProcess, about.Profile)
	}
	return d, nil
}

// participant makes a participant of an address. Only what is one for certain is taken: nothing is guessed (SBDH-034).
func participant(e doctype.Endpoint) (peppol.ParticipantID, error) {
	if e.ID == "" {
		return peppol.ParticipantID{}, nil
	}
	p, err := peppol.ParseParticipant(e.Scheme + ":" + e.ID)
	if err == nil {
		err = p.CheckScheme()
	}
	if err != nil {
		return peppol.ParticipantID{}, err
	}
	return p, nil
}

// typeVersion is the version in the identifier of a document type, "" if the document is of no known kind.
func typeVersion(about doctype.About) string {
	switch {
	case about.Root.Space == doctype.NSInvoice:
		return "D16B"
	case about.Version == "" && strings.HasPrefix(about.Root.Space, doctype.UBL):
		return "2.1" // the version of all Peppol BIS documents that do not say theirs
	}
	return about.Version
}
