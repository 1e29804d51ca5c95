// Package smp is a metadata publisher on a loopback address, for the private network and for tests. It is written with
// other XML software than the client that reads it, it signs what it serves, it is as strict about the spelling of
// participants as the strictest real one, and it can misbehave on request.
package smp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/peppol"
)

// Options say how a Server runs.
type Options struct {
	Signer *certs.Identity // signs the metadata; required
	TLS    *certs.Identity // server certificate for the address; nil means plain http
	Addr   string          // loopback address with port; "" means a free port of 127.0.0.1
	Path   string          // prefix of all paths, like "/smp"; "" means none
}

// Service is one registration: an endpoint for one document type and process of a participant.
type Service struct {
	Participant peppol.ParticipantID
	DocType     peppol.DocTypeID // as registered, so a wildcard type may end in "*"
	Process     peppol.ProcessID
	URL         string
	Cert        *x509.Certificate // of the access point
	Profile     string            // transport profile; "" means peppol.TransportAS4
	From, Until time.Time         // activation and expiration; zero: none
}

// Server is a running SMP.
type Server struct {
	opt  Options
	base string
	http *http.Server
	stop chan struct{}

	mu        sync.Mutex
	services  []Service
	redirects []redirect
	behaviour Behaviour
	requests  []string
}

type redirect struct {
	participant peppol.ParticipantID
	doctype     peppol.DocTypeID
	href, uid   string
}

// Behaviour is what a Server does differently from a good one. The zero value is good.
type Behaviour struct {
	Only func(participant, doctype string) bool // for which requests; doctype "" is a ServiceGroup; nil means all

	// Transport.
	Status     int           // this status instead of 200, with an empty body
	Location   string        // with Status: a Location header
	RetryAfter string        // with Status: a Retry-After header
	Delay      time.Duration // before the answer begins
	Drip       bool          // the body comes one byte at a time, a hundred a second
	Endless    bool          // the body never ends
	Type       string        // Content-Type; "" means application/xml
	Coding     string        // Content-Encoding that is claimed; "" means none

	// Signature.
	Unsigned  bool
	Signer    *certs.Identity // another one than Options.Signer
	Chain     []*x509.Certificate
	Exclusive bool // exclusive canonicalization, as before SMP 1.2.0
	Explicit  bool // the canonicalization is named as second transform, as goxmldsig's own signing does
	SHA1      bool // as before SMP 1.3.0

	// Content.
	Document func(*etree.Document) // changes the document before it is signed
	Signed   func(*etree.Document) // changes the document after it was signed
	Bytes    func([]byte) []byte   // changes the bytes that are sent
}

// New starts a server.
func New(o Options) (*Server, error) {
	if o.Signer == nil {
		return nil, errors.New("testbed/smp: no signer")
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(o.Addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("testbed/smp: %q is not a loopback address with a port", o.Addr)
	}
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("testbed/smp: %w", err)
	}
	s := &Server{opt: o, base: "http://" + l.Addr().String() + o.Path, stop: make(chan struct{})}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	if o.TLS != nil {
		s.base = "https" + strings.TrimPrefix(s.base, "http")
		l = tls.NewListener(l, &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{{Certificate: [][]byte{o.TLS.Cert.Raw}, PrivateKey: o.TLS.Key}},
		})
	}
	go s.http.Serve(l)
	return s, nil
}

// Close stops the server.
func (s *Server) Close() error {
	close(s.stop)
	return s.http.Close()
}

// URL returns the base URL, without a slash at its end: what the SML record holds.
func (s *Server) URL() string { return s.base }

// Register adds registrations.
func (s *Server) Register(list ...Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services = append(s.services, list...)
}

// Redirect makes the server point elsewhere for a document type: to the URL href, signed by whom uid names.
func (s *Server) Redirect(p peppol.ParticipantID, d peppol.DocTypeID, href, uid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirects = append(s.redirects, redirect{p, d, href, uid})
}

// Unregister removes everything about a participant.
func (s *Server) Unregister(p peppol.ParticipantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services = slices.DeleteFunc(s.services, func(x Service) bool { return x.Participant.Equal(p) })
	s.redirects = slices.DeleteFunc(s.redirects, func(x redirect) bool { return x.participant.Equal(p) })
}

// Behave changes how the server answers from now on.
func (s *Server) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

// Requests returns the escaped paths of all requests so far, the prefix left out.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// GroupURL returns where the ServiceGroup of a participant lies.
func (s *Server) GroupURL(p peppol.ParticipantID) string {
	return s.base + "/" + url.QueryEscape(canonical(p))
}

// ServiceURL returns where the metadata of a document type lie: what a Redirect names.
func (s *Server) ServiceURL(p peppol.ParticipantID, d peppol.DocTypeID) string {
	return s.GroupURL(p) + "/services/" + url.QueryEscape(d.String())
}

// ServeHTTP answers one request. It reads the escaped path: a ServeMux would clean it (DISC-033).
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.EscapedPath(), s.opt.Path)
	participant, doctype, ok := split(path)
	s.mu.Lock()
	s.requests = append(s.requests, path)
	b := s.behaviour
	if b.Only != nil && !b.Only(participant, doctype) {
		b = Behaviour{}
	}
	var doc *etree.Document
	if ok && req.Method == http.MethodGet {
		doc = s.document(participant, doctype)
	}
	s.mu.Unlock()
	if !s.pause(b.Delay) {
		return
	}
	if b.Status != 0 {
		if b.Location != "" {
			w.Header().Set("Location", b.Location)
		}
		if b.RetryAfter != "" {
			w.Header().Set("Retry-After", b.RetryAfter)
		}
		w.WriteHeader(b.Status)
		return
	}
	if doc == nil {
		http.NotFound(w, req)
		return
	}
	body, err := s.finish(doc, doctype != "", b)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.write(w, body, b)
}

// split decodes the sections of a path: "/participant" or "/participant/services/doctype" (DISC-033, DISC-063).
func split(path string) (participant, doctype string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	participant, err := url.PathUnescape(parts[0])
	switch {
	case err != nil:
		return "", "", false
	case len(parts) == 1:
		return participant, "", true
	case len(parts) != 3 || parts[1] != "services":
		return participant, "", false
	}
	doctype, err = url.PathUnescape(parts[2])
	return participant, doctype, err == nil && doctype != ""
}

// finish signs a document and writes it as bytes, with all that is wrong with it.
func (s *Server) finish(doc *etree.Document, sign bool, b Behaviour) ([]byte, error) {
	if b.Document != nil {
		b.Document(doc)
	}
	if sign && !b.Unsigned {
		signer := s.opt.Signer
		if b.Signer != nil {
			signer = b.Signer
		}
		if err := addSignature(doc.Root(), signer, b); err != nil {
			return nil, err
		}
	}
	if b.Signed != nil {
		b.Signed(doc)
	}
	doc.WriteSettings.CanonicalText = true // a raw CR would be another character for who reads it
	body, err := doc.WriteToBytes()
	if err == nil && b.Bytes != nil {
		body = b.Bytes(body)
	}
	return body, err
}

// write sends a body, at whatever pace.
func (s *Server) write(w http.ResponseWriter, body []byte, b Behaviour) {
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	if b.Type != "" {
		w.Header().Set("Content-Type", b.Type)
	}
	if b.Coding != "" {
		w.Header().Set("Content-Encoding", b.Coding)
	}
	if !b.Drip && !b.Endless {
		_, _ = w.Write(body)
		return
	}
	flush := http.NewResponseController(w).Flush
	for i := 0; b.Endless || i < len(body); i++ {
		chunk := body[i%len(body):][:1]
		if b.Endless {
			chunk = body
		} else if !s.pause(10 * time.Millisecond) {
			return
		}
		if _, err := w.Write(chunk); err != nil || flush() != nil {
			return
		}
	}
}

// pause waits, and tells whether the server still runs.
func (s *Server) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-s.stop:
		return false
	}
}
