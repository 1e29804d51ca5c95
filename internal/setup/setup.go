// Package setup writes the first configuration of a node, with everything that can be made for it: keys for a private
// network, or a key and its certificate request for Peppol. Write says what remains to do. It works in an empty
// folder only, so that it never overwrites anything.
package setup

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

// Node describes the node to be written.
type Node struct {
	Dir         string
	Environment certs.Environment
	Listen      string // "" means 127.0.0.1:9443, or the first port after it that is free
	Host        string // "" means localhost in local; elsewhere it is needed
	Country     string // "" means the country of the certificate, if it names one
	Seat        string // CN of the certificate made for local; "" means POP900001
	PKI         string // folder with the private CAs of an earlier node of the same network; "" means: made here

	P12, Password        string // own key; "" means: made here (local), or made with a certificate request
	APAnchors            string // PEM file; "" means: made here (local), or built in
	SMPAnchors, TLSRoots string
	TLSCert, TLSKey      string // "" means a plain listener
	Zone, Resolver       string
	// of production: must be "unchecked" as long as revocation is not checked (design.md §3)
	Revocation         string
	Program            string // how the program is called in the commands of Written.Todo; "" means ravn
	Outgoing, Incoming string // what happens with the verdict on documents; "" means they are not checked
}

// Written tells what was made and what remains to do.
type Written struct {
	Config string
	Seat   string   // "" if the certificate that was asked for will name it
	Todo   []string // in order, one sentence each; commands in them can be pasted into a shell

	// Awaited is true if the certificate is still to come: until then the configuration cannot be used.
	Awaited bool

	made string // what Undo removes: the folder, or the first one above it that was not there
	kept string // the folder if it was there, and only what is in it must go
}

// Undo removes everything that was made.
func (w *Written) Undo() error {
	if w.kept == "" {
		return os.RemoveAll(w.made)
	}
	entries, err := os.ReadDir(w.kept)
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(w.kept, e.Name())))
	}
	return errors.Join(errs...)
}

// configuration is the part of the configuration file that a new node needs; what is left out has a default.
type configuration struct {
	Environment string           `yaml:"environment"`
	Host        string           `yaml:"host"`
	Country     string           `yaml:"country,omitempty"`
	Data        string           `yaml:"data"`
	Keys        []map[string]any `yaml:"keys"`
	Certs       map[string]any   `yaml:"certs,omitempty"`
	AS4         map[string]any   `yaml:"as4"`
	Discovery   map[string]any   `yaml:"discovery,omitempty"`
	Deliver     map[string]any   `yaml:"deliver"`
	Validation  map[string]any   `yaml:"validation,omitempty"`
}

// ConfigName is the name of the configuration file in the folder.
const ConfigName = "ravn.yaml"

// Write makes the node's folder and files. If it fails, nothing of them is left.
func Write(n Node) (*Written, error) {
	if n.Host == "" && n.Environment != certs.Local {
		return nil, fault.New(fault.BadArguments, nil,
			"--host is needed outside local: the public host name of the endpoint")
	}
	if n.Environment == certs.Production && n.Revocation == "" {
		return nil, fault.New(fault.RevocationMissing, nil, "--revocation")
	}
	w := &Written{Config: filepath.Join(n.Dir, ConfigName), Seat: n.Seat}
	switch entries, err := os.ReadDir(n.Dir); {
	case err == nil && len(entries) > 0:
		return nil, fault.New(fault.FolderNotEmpty, nil, "%s", n.Dir)
	case err == nil:
		w.kept = n.Dir
	case errors.Is(err, fs.ErrNotExist):
		w.made = firstMissing(n.Dir)
	default:
		return nil, fault.New(fault.FolderUnusable, err, "%s", n.Dir)
	}
	if err := durable.MkdirAll(n.Dir, 0o700); err != nil {
		return nil, errors.Join(fault.New(fault.FolderUnusable, err, "%s", n.Dir), w.Undo())
	}
	if err := n.fill(w); err != nil {
		return nil, errors.Join(err, w.Undo())
	}
	return w, nil
}

// firstMissing is a folder that is not there, or the highest one above it that is not.
func firstMissing(dir string) string {
	dir = filepath.Clean(dir)
	for {
		up := filepath.Dir(dir)
		if _, err := os.Stat(up); err == nil || up == dir {
			return dir
		}
		dir = up
	}
}

// fill writes the files into the folder.
func (n *Node) fill(w *Written) error {
	f := configuration{
		Environment: string(n.Environment), Host: n.Host, Country: n.Country, Data: "data",
		Certs: map[string]any{}, AS4: map[string]any{}, Deliver: map[string]any{"folder": "inbox"},
	}
	if err := n.keys(&f, w); err != nil {
		return err
	}
	if err := n.trust(&f); err != nil {
		return err
	}
	n.endpoint(&f)
	n.discovery(&f)
	f.Validation = map[string]any{}
	for key, policy := range map[string]string{"outgoing": n.Outgoing, "incoming": n.Incoming} {
		if policy != "" {
			f.Validation[key] = policy
		}
	}
	n.remains(w)
	text, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(w.Config, 0o600, durable.Bytes(text)); err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", w.Config)
	}
	return nil
}

// keys brings the key of the node into its folder: the one that is given, or a new one.
func (n *Node) keys(f *configuration, w *Written) error {
	if n.P12 != "" {
		id, err := certs.LoadP12(n.P12, n.Password)
		if errors.Is(err, certs.ErrPassword) {
			return fault.New(fault.PasswordWrong, nil, "%s", n.P12)
		}
		if err != nil {
			return fault.New(fault.KeyUnreadable, err, "%s", n.P12)
		}
		w.Seat = string(id.Seat)
		if c := id.Cert.Subject.Country; f.Country == "" && len(c) == 1 && peppol.KnownCountry(c[0]) {
			f.Country = c[0]
		}
		if err := n.save("key.password", []byte(n.Password+"\n")); err != nil {
			return err
		}
		data, err := os.ReadFile(n.P12)
		if err != nil {
			return fault.New(fault.KeyUnreadable, err, "%s", n.P12)
		}
		f.Keys = []map[string]any{{"p12": "key.p12", "password_file": "key.password"}}
		return n.save("key.p12", data)
	}
	f.Keys = []map[string]any{{"cert": "cert.pem", "key": "key.pem"}}
	if n.Environment == certs.Local {
		return n.privateKey(f, w)
	}
	return n.request(w)
}

// privateKey makes a whole private hierarchy with a key of ours below it.
func (n *Node) privateKey(f *configuration, w *Written) error {
	if w.Seat == "" {
		w.Seat = "POP900001"
	}
	if _, err := peppol.ParseSeat(w.Seat); err != nil {
		return fault.New(fault.BadArguments, err, "--seat")
	}
	p, err := n.hierarchy()
	if err != nil {
		return err
	}
	id, err := p.AP.Issue(localca.Leaf{CN: w.Seat}, time.Now())
	if err != nil {
		return err
	}
	key, err := localca.EncodeKey(id.Key)
	if err != nil {
		return err
	}
	if f.Country == "" {
		f.Country = "NO"
	}
	err = errors.Join(n.save("cert.pem", localca.EncodeCerts(id.Cert)), n.save("key.pem", key))
	if n.APAnchors == "" {
		f.Certs["ap_anchors"], f.Certs["smp_anchors"] = "ap-anchors.pem", "smp-anchors.pem"
		err = errors.Join(err,
			n.save("ap-anchors.pem", localca.EncodeCerts(p.AP.Cert, p.Root.Cert)),
			n.save("smp-anchors.pem", localca.EncodeCerts(p.SMP.Cert, p.Root.Cert)))
	}
	return err
}

// hierarchy makes the private CAs, or reads those of another node.
func (n *Node) hierarchy() (*localca.PKI, error) {
	if n.PKI != "" {
		p, err := localca.Load(n.PKI)
		if err != nil {
			return nil, fault.New(fault.KeyUnreadable, err, "%s", n.PKI)
		}
		return p, nil
	}
	p, err := localca.New(time.Now())
	if err != nil {
		return nil, err
	}
	if err := p.Save(filepath.Join(n.Dir, "pki")); err != nil {
		return nil, fault.New(fault.FolderUnusable, err, "%s", n.Dir)
	}
	return p, nil
}

// request makes a key and a certificate request for the enrolment (PKI-026).
func (n *Node) request(w *Written) error {
	if _, err := peppol.ParseSeat(n.Seat); n.Seat != "" && err != nil {
		return fault.New(fault.BadArguments, err, "--seat")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	text, err := localca.EncodeKey(key)
	if err != nil {
		return err
	}
	subject := pkix.Name{CommonName: n.Seat}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		return err
	}
	w.Awaited = true
	csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	return errors.Join(n.save("key.pem", text), n.save("request.csr", csr))
}

// trust copies the given anchors and names them in the configuration.
func (n *Node) trust(f *configuration) error {
	for _, a := range []struct{ key, name, local string }{
		{"ap_anchors", n.APAnchors, "ap-anchors.pem"},
		{"smp_anchors", n.SMPAnchors, "smp-anchors.pem"},
		{"tls_roots", n.TLSRoots, "tls-roots.pem"},
	} {
		if a.name == "" {
			continue
		}
		text, err := os.ReadFile(a.name)
		if err == nil && a.key != "tls_roots" {
			_, err = certs.ParseAnchors(text)
		}
		if err != nil {
			return fault.New(fault.AnchorsUnreadable, err, "%s", a.name)
		}
		f.Certs[a.key] = a.local
		if err := n.save(a.local, text); err != nil {
			return err
		}
	}
	if n.Environment == certs.Production {
		f.Certs["revocation"] = n.Revocation
	}
	return nil
}

// endpoint fills in the listener.
func (n *Node) endpoint(f *configuration) {
	f.AS4["listen"] = n.Listen
	if n.Listen == "" {
		f.AS4["listen"] = freeAddress()
	}
	if f.Host == "" {
		f.Host = "localhost"
	}
	if n.TLSCert == "" {
		f.AS4["plain"] = true
		if n.Environment != certs.Local {
			f.AS4["trusted_proxies"] = []string{"127.0.0.1", "::1"} // a proxy on this host ends TLS
		}
	} else {
		f.AS4["tls_cert"], f.AS4["tls_key"] = n.TLSCert, n.TLSKey
	}
}

// Ports of the endpoint if none is given.
const (
	firstPort = 9443
	lastPort  = 9542
)

// freeAddress is the first of these ports on loopback that nobody uses, or else the first of all.
func freeAddress() string {
	address := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	for port := firstPort; port <= lastPort; port++ {
		if l, err := net.Listen("tcp", address(port)); err == nil {
			_ = l.Close() // it was only to see
			return address(port)
		}
	}
	return address(firstPort)
}

// discovery names zone and resolver.
func (n *Node) discovery(f *configuration) {
	f.Discovery = map[string]any{}
	for key, value := range map[string]string{"zone": n.Zone, "resolver": n.Resolver} {
		if value != "" {
			f.Discovery[key] = value
		}
	}
}

// remains says what remains to do.
func (n *Node) remains(w *Written) {
	program := "ravn"
	if n.Program != "" {
		program = n.Program
	}
	command := func(args string) string { return Quote(program) + " --config " + Quote(w.Config) + " " + args }
	if w.Awaited {
		w.Todo = append(w.Todo,
			"Hand in request.csr when you enrol for the access point certificate, and put what you get into "+
				Quote(filepath.Join(n.Dir, "cert.pem"))+".",
			"Check: "+command("config check"))
	}
	w.Todo = append(w.Todo,
		"Serve a participant, for example: "+command("participants add --participant 0192:991825827 --doctype billing"),
		"Start: "+command("serve"))
	if n.Environment != certs.Local {
		w.Todo = append(w.Todo,
			"Publish the address of the endpoint and the certificate in the SMP entries of your participants.",
			"Open port 443 to the endpoint, with a TLS certificate of a public CA: as4.tls_cert and as4.tls_key, "+
				"or a proxy in front, which as4.trusted_proxies names.")
	}
}

// Quote writes a text so that a shell reads it as one word.
func Quote(s string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("+,-./:=@_", r) || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' ||
			'a' <= r && r <= 'z'
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (n *Node) save(name string, text []byte) error {
	path := filepath.Join(n.Dir, name)
	if err := durable.WriteFile(path, 0o600, durable.Bytes(text)); err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", path)
	}
	return nil
}
