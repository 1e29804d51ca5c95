package smp

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// Namespaces of Peppol SMP 1.4.0.
const (
	nsSMP = "http://busdox.org/serviceMetadata/publishing/1.0/"
	nsIDs = "http://busdox.org/transport/identifiers/1.0/"
	nsWSA = "http://www.w3.org/2005/08/addressing"
)

// metadata is the verified ServiceInformation of one registered document type. It does not change.
type metadata struct {
	registered peppol.DocTypeID
	processes  []process
	signer     *x509.Certificate
	smp        string
	cached     bool // this copy comes from the cache
}

type process struct {
	scheme, value string
	endpoints     []endpoint
}

// endpoint is one entry of a ServiceEndpointList. An error in it matters only if it is the one to be used.
type endpoint struct {
	profile     string
	address     string
	from, until time.Time // zero: unbounded (DISC-075)
	cert        *x509.Certificate
	err         *Error
}

type redirect struct{ href, uid string }

// redirect returns the Redirect that the metadata have instead of a ServiceInformation, if there is one.
func (s *signed) redirect() (redirect, bool) {
	n, ok := s.metadata.Child(nsSMP, "Redirect")
	if !ok {
		return redirect{}, false
	}
	href, _ := n.Attr("", "href")
	return redirect{strings.TrimSpace(href), childText(n, nsSMP, "CertificateUID")}, true
}

// read returns the endpoints in verified metadata after checking that these are about r and d (DISC-072): an SMP could
// answer with genuine metadata of somebody else (SEC-114). Unknown elements are ignored (DISC-079, DISC-080).
func (s *signed) read(r peppol.ParticipantID, d peppol.DocTypeID) (*metadata, error) {
	info, ok := s.metadata.Child(nsSMP, "ServiceInformation")
	if !ok || len(s.metadata.Elements()) != 1 {
		return nil, fail(BadResponse, "DISC-080", "want either one ServiceInformation or one Redirect", nil)
	}
	if err := sameParticipant(info, r); err != nil {
		return nil, err
	}
	if scheme, value := identifier(info, "DocumentIdentifier"); scheme != d.Scheme() || value != d.Value() {
		return nil, fail(OtherIdentifier, "DISC-072", "the metadata are about another document type than "+d.String(),
			nil)
	}
	m := &metadata{registered: d, signer: s.signer}
	list, _ := info.Child(nsSMP, "ProcessList")
	for _, n := range children(list, "Process") {
		var p process
		p.scheme, p.value = identifier(n, "ProcessIdentifier")
		ends, _ := n.Child(nsSMP, "ServiceEndpointList") // may be empty, or missing (DISC-080)
		for _, e := range children(ends, "Endpoint") {
			p.endpoints = append(p.endpoints, readEndpoint(e))
		}
		m.processes = append(m.processes, p)
	}
	return m, nil
}

// sameParticipant compares the participant in n with r, ignoring case (DISC-072).
func sameParticipant(n safe.Node, r peppol.ParticipantID) error {
	scheme, value := identifier(n, "ParticipantIdentifier")
	if p, err := peppol.ParseParticipant(scheme + "::" + value); err != nil || !p.Equal(r) {
		return fail(OtherIdentifier, "DISC-072", "the metadata are about another participant than "+r.Value(), nil)
	}
	return nil
}

// readEndpoint reads one Endpoint element.
func readEndpoint(n safe.Node) endpoint {
	var e endpoint
	e.profile, _ = n.Attr("", "transportProfile")
	ref, _ := n.Child(nsWSA, "EndpointReference")
	e.address = childText(ref, nsWSA, "Address")
	var err error
	if e.from, err = dateTime(childText(n, nsSMP, "ServiceActivationDate")); err == nil {
		e.until, err = dateTime(childText(n, nsSMP, "ServiceExpirationDate"))
	}
	if err != nil {
		e.err = fail(BadResponse, "DISC-075", "an endpoint has a malformed date", err)
		return e
	}
	if e.cert, err = certificate(childText(n, nsSMP, "Certificate")); err != nil {
		e.err = fail(BadCertificate, "DISC-077", "the certificate of the receiving access point is malformed", err)
	}
	return e
}

// certificate reads one certificate: its DER form in base64 with any white space, with or without the lines that
// enclose it in PEM (DISC-077).
func certificate(s string) (*x509.Certificate, error) {
	s = strings.TrimPrefix(s, "-----BEGIN CERTIFICATE-----")
	s = strings.TrimSuffix(s, "-----END CERTIFICATE-----")
	der, err := dsig.DecodeBase64(s)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// readGroup reads an unsigned ServiceGroup (DISC-069).
func readGroup(body []byte, r peppol.ParticipantID) (*Group, error) {
	doc, err := safe.Parse(body, safe.Metadata)
	if err != nil {
		return nil, fail(BadResponse, "DISC-089", "the answer is not acceptable XML", err)
	}
	if !doc.Top().Is(nsSMP, "ServiceGroup") {
		return nil, fail(BadResponse, "DISC-098", "the answer is not a Peppol ServiceGroup", nil)
	}
	if err := sameParticipant(doc.Top(), r); err != nil {
		return nil, err
	}
	g := &Group{}
	list, _ := doc.Top().Child(nsSMP, "ServiceMetadataReferenceCollection")
	for _, n := range children(list, "ServiceMetadataReference") {
		href, _ := n.Attr("", "href")
		if d, ok := docTypeOf(strings.TrimSpace(href), r); ok {
			g.DocTypes = append(g.DocTypes, d)
		} else {
			g.Unreadable = append(g.Unreadable, href)
		}
	}
	return g, nil
}

// choose picks the endpoint for process p that has transport profile AS4 2.0, is active now, and has a usable address
// and certificate (DISC-074). Of several it takes the first; if they name different addresses, none (SEC-114).
func (c *Client) choose(m *metadata, p peppol.ProcessID) (*Endpoint, error) {
	list := m.endpoints(p)
	if len(list) == 0 {
		msg := fmt.Sprintf("%s has no endpoint of process %s and profile %s", m.registered, p, peppol.TransportAS4)
		return nil, fail(NoProcess, "DISC-074", msg, nil)
	}
	var found *Endpoint
	var broken *Error
	now := c.now()
	for _, e := range list {
		if e.err == nil && !e.active(now) {
			continue
		}
		u, err := c.usable(e)
		switch {
		case err != nil:
			broken = err
		case found == nil:
			found = &Endpoint{
				URL: u, Cert: e.cert, Registered: m.registered, Expires: e.until, SMP: m.smp,
				Signer: m.signer,
			}
		case found.URL != u:
			return nil, fail(BadResponse, "SEC-114", "two active endpoints name different addresses", nil)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case broken != nil:
		return nil, broken
	}
	return nil, fail(NotActive, "DISC-075", "the endpoint is not active yet, or no longer", nil)
}

// endpoints returns those of process p with the AS4 transport profile; both are compared byte by byte (DISC-027,
// DISC-029).
func (m *metadata) endpoints(p peppol.ProcessID) []endpoint {
	var out []endpoint
	for _, q := range m.processes {
		if q.scheme != p.Scheme() || q.value != p.Value() {
			continue
		}
		for _, e := range q.endpoints {
			if e.profile == peppol.TransportAS4 {
				out = append(out, e)
			}
		}
	}
	return out
}

// active reports whether now is between activation and expiration, including the seconds of both (DISC-075).
func (e *endpoint) active(now time.Time) bool {
	return (e.from.IsZero() || now.Unix() >= e.from.Unix()) && (e.until.IsZero() || now.Unix() <= e.until.Unix())
}

// usable returns the endpoint's address, if it is allowed and the endpoint could be read (DISC-076, DISC-077).
func (c *Client) usable(e endpoint) (string, *Error) {
	if e.err != nil {
		return "", e.err
	}
	u, err := c.guard.Parse(e.address)
	if err != nil {
		return "", fail(BadEndpoint, "DISC-076", "the address of the endpoint is not allowed", err)
	}
	return u.String(), nil
}

// identifier returns scheme and value of an identifier element of n, trimmed (DISC-073).
func identifier(n safe.Node, local string) (scheme, value string) {
	id, ok := n.Child(nsIDs, local)
	if !ok {
		return "", ""
	}
	scheme, _ = id.Attr("", "scheme")
	value, _ = id.Leaf()
	return strings.TrimSpace(scheme), strings.TrimSpace(value)
}

// childText returns the trimmed text of the only child of n with this name, or "" (DISC-073).
func childText(n safe.Node, space, local string) string {
	if n.IsZero() {
		return ""
	}
	c, ok := n.Child(space, local)
	if !ok {
		return ""
	}
	s, _ := c.Leaf()
	return strings.TrimSpace(s)
}

// children returns the child elements of n with this name.
func children(n safe.Node, local string) []safe.Node {
	if n.IsZero() {
		return nil
	}
	var out []safe.Node
	for _, c := range n.Elements() {
		if c.Is(nsSMP, local) {
			out = append(out, c)
		}
	}
	return out
}
