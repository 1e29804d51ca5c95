package smp

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/ravn-ap/ravn/peppol"
)

// Namespaces of Peppol SMP 1.4.0.
const (
	nsSMP = "http://busdox.org/serviceMetadata/publishing/1.0/"
	nsIDs = "http://busdox.org/transport/identifiers/1.0/"
	nsWSA = "http://www.w3.org/2005/08/addressing"
)

// canonical is the one spelling under which participants are kept and found. Real SMPs differ; the strictest compare
// octets and know lower case only, whatever was registered.
func canonical(p peppol.ParticipantID) string { return p.Scheme() + "::" + p.Key() }

// document returns the ServiceGroup of a participant, or the unsigned metadata of a document type, or nil if there is
// none. The caller holds the lock.
func (s *Server) document(participant, doctype string) *etree.Document {
	if doctype == "" {
		return s.group(participant)
	}
	for _, r := range s.redirects {
		if canonical(r.participant) == participant && r.doctype.String() == doctype {
			doc, metadata := signedServiceMetadata()
			n := metadata.CreateElement("Redirect")
			n.CreateAttr("href", r.href)
			n.CreateElement("CertificateUID").SetText(r.uid)
			return doc
		}
	}
	var list []Service
	for _, x := range s.services {
		if canonical(x.Participant) == participant && x.DocType.String() == doctype {
			list = append(list, x)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return information(list)
}

// group writes a ServiceGroup. Its references name another host than the server's, as those of real SMPs often do
// (DISC-070).
func (s *Server) group(participant string) *etree.Document {
	var types []string
	known := false
	add := func(p peppol.ParticipantID, d string) {
		if canonical(p) == participant {
			known = true
			if !slices.Contains(types, d) {
				types = append(types, d)
			}
		}
	}
	for _, x := range s.services {
		add(x.Participant, x.DocType.String())
	}
	for _, r := range s.redirects {
		add(r.participant, r.doctype.String())
	}
	if !known {
		return nil
	}
	doc := newDocument()
	root := element(doc, "ServiceGroup")
	identifier(root, "ParticipantIdentifier", participant)
	list := root.CreateElement("ServiceMetadataReferenceCollection")
	for _, d := range types {
		list.CreateElement("ServiceMetadataReference").
			CreateAttr("href",
				"https://smp.testbed.example/"+url.QueryEscape(participant)+"/services/"+url.QueryEscape(d))
	}
	return doc
}

func newDocument() *etree.Document {
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`) // DISC-064
	return doc
}

func element(doc *etree.Document, name string) *etree.Element {
	root := doc.CreateElement(name)
	root.CreateAttr("xmlns", nsSMP)
	root.CreateAttr("xmlns:id", nsIDs)
	root.CreateAttr("xmlns:wsa", nsWSA)
	return root
}

func signedServiceMetadata() (*etree.Document, *etree.Element) {
	doc := newDocument()
	return doc, element(doc, "SignedServiceMetadata").CreateElement("ServiceMetadata")
}

// identifier writes an identifier in URI form as scheme and value.
func identifier(parent *etree.Element, name, id string) {
	scheme, value, _ := strings.Cut(id, "::")
	n := parent.CreateElement("id:" + name)
	n.CreateAttr("scheme", scheme)
	n.SetText(value)
}

// information writes the ServiceInformation of registrations with the same participant and document type.
func information(list []Service) *etree.Document {
	doc, metadata := signedServiceMetadata()
	info := metadata.CreateElement("ServiceInformation")
	identifier(info, "ParticipantIdentifier", canonical(list[0].Participant))
	identifier(info, "DocumentIdentifier", list[0].DocType.String())
	processes := info.CreateElement("ProcessList")
	endpoints := map[string]*etree.Element{}
	for _, x := range list {
		key := x.Process.String()
		if endpoints[key] == nil {
			p := processes.CreateElement("Process")
			identifier(p, "ProcessIdentifier", key)
			endpoints[key] = p.CreateElement("ServiceEndpointList")
		}
		writeEndpoint(endpoints[key].CreateElement("Endpoint"), x)
	}
	return doc
}

func writeEndpoint(n *etree.Element, x Service) {
	profile := x.Profile
	if profile == "" {
		profile = "peppol-transport-as4-v2_0"
	}
	n.CreateAttr("transportProfile", profile)
	n.CreateElement("wsa:EndpointReference").CreateElement("wsa:Address").SetText(x.URL)
	n.CreateElement("RequireBusinessLevelSignature").SetText("false")
	if !x.From.IsZero() {
		n.CreateElement("ServiceActivationDate").SetText(x.From.UTC().Format(time.RFC3339))
	}
	if !x.Until.IsZero() {
		n.CreateElement("ServiceExpirationDate").SetText(x.Until.UTC().Format(time.RFC3339))
	}
	cert := n.CreateElement("Certificate")
	if x.Cert != nil {
		cert.SetText(base64.StdEncoding.EncodeToString(x.Cert.Raw))
	}
	n.CreateElement("ServiceDescription").SetText("Ravn testbed")
	n.CreateElement("TechnicalContactUrl").SetText("mailto:nobody@testbed.example")
}
