package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// Check returns everything that is wrong with the values, each as a *fault.Error with key and line, joined. Files are
// read by the parts of the server that need them.
func (c *Config) Check() error {
	var all []error
	bad := func(path, format string, args ...any) {
		why := fmt.Sprintf(format, args...)
		all = append(all, fault.New(fault.ConfigInvalid, nil, "%s%s: %s", path, c.where(path), why))
	}
	env, err := certs.ParseEnvironment(c.Environment)
	if err != nil {
		bad("environment", "want local, test or production, have %q", c.Environment)
	}
	if !hostForm.MatchString(c.Host) {
		bad("host", "want a host name, have %q", c.Host)
	}
	if c.Country != "" && !peppol.KnownCountry(c.Country) {
		bad("country", "%q is not an ISO 3166-1 code in capitals", c.Country)
	}
	if c.Data == "" {
		bad("data", "a folder is needed")
	}
	if c.Deliver.Folder == "" {
		bad("deliver.folder", "a folder is needed")
	}
	c.checkBounds(bad)
	c.checkKeys(bad)
	c.checkCerts(env, bad)
	c.checkAS4(env, bad)
	c.checkIntake(env, bad)
	c.checkReporting(bad)
	c.checkPartners(bad)
	if !slices.Contains([]string{"off", "report", "reject"}, c.Validation.Outgoing) {
		bad("validation.outgoing", "want off, report or reject, have %q", c.Validation.Outgoing)
	}
	if !slices.Contains([]string{"off", "report"}, c.Validation.Incoming) {
		bad("validation.incoming", "want off or report, have %q", c.Validation.Incoming)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		bad("log.level", "want debug, info, warn or error, have %q", c.Log.Level)
	}
	if !slices.Contains([]string{"", "json", "console"}, c.Log.Format) {
		bad("log.format", "want json or console, have %q", c.Log.Format)
	}
	if env == certs.Production && c.Certs.Revocation != "unchecked" {
		all = append(all, fault.New(fault.RevocationMissing, nil, "certs.revocation"))
	}
	return errors.Join(all...)
}

// checkPartners checks the keys about finding receivers and reading what partners send.
func (c *Config) checkPartners(bad complain) {
	if r := c.Discovery.Resolver; r != "" && !address(r) {
		bad("discovery.resolver", "want host:port, have %q", r)
	}
	if p := c.Discovery.Canary; p != "" {
		if _, err := peppol.ParseParticipant(p); err != nil {
			bad("discovery.canary", "%v", err)
		}
	}
	for i, text := range c.Network.Deny {
		if _, err := parseNetwork(text); err != nil {
			bad(fmt.Sprintf("network.deny[%d]", i), "want an address or a network like 198.51.100.0/24, have %q", text)
		}
	}
	for i, text := range c.SBDH.FullStandard {
		if _, err := peppol.ParseDocType(text); err != nil {
			bad(fmt.Sprintf("sbdh.full_standard[%d]", i), "%v", err)
		}
	}
}

func (c *Config) checkReporting(bad complain) {
	r := &c.Reporting
	for path, id := range map[string]string{"reporting.spid": r.SPID, "reporting.receiver": r.Receiver} {
		if _, err := peppol.ParseParticipant(id); id != "" && err != nil {
			bad(path, "%v", err)
		}
	}
	if r.Country != "" && !peppol.KnownCountry(r.Country) {
		bad("reporting.country", "%q is not an ISO 3166-1 code in capitals", r.Country)
	}
}

type complain func(path, format string, args ...any)

func (c *Config) checkKeys(bad complain) {
	if len(c.Keys) == 0 {
		bad("keys", "at least one own key is needed")
	}
	for i, k := range c.Keys {
		path := fmt.Sprintf("keys[%d]", i)
		switch {
		case k.P12 != "" && (k.Cert != "" || k.Key != ""):
			bad(path, "give either p12, or cert and key")
		case k.P12 == "" && (k.Cert == "" || k.Key == ""):
			bad(path, "give p12, or both cert and key")
		case k.Password != "" && k.PasswordFile != "":
			bad(path, "give either password or password_file")
		}
	}
}

func (c *Config) checkCerts(env certs.Environment, bad complain) {
	if env == certs.Local && c.Certs.APAnchors == "" {
		bad("certs.ap_anchors", "local has no built-in CAs: name a PEM file")
	}
	if r := c.Certs.Revocation; r != "" && r != "unchecked" {
		bad("certs.revocation", "the only value is unchecked, have %q", r)
	}
}

func (c *Config) checkAS4(env certs.Environment, bad complain) {
	host, _, err := net.SplitHostPort(c.AS4.Listen)
	if !address(c.AS4.Listen) {
		bad("as4.listen", "want host:port, have %q", c.AS4.Listen)
	}
	if env == certs.Local && err == nil && !loopback(host) {
		bad("as4.listen", "local listens on loopback addresses only (D-20), have %q", host)
	}
	if !strings.HasPrefix(c.AS4.Path, "/") {
		bad("as4.path", "want a path that begins with /, have %q", c.AS4.Path)
	}
	if !c.AS4.Plain && (c.AS4.TLSCert == "" || c.AS4.TLSKey == "") {
		bad("as4.tls_cert", "name certificate and key, or set as4.plain behind a proxy that ends TLS")
	}
}

// address reports whether s is host:port with a port that exists.
func address(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// checkIntake checks what belongs together in the bounds of what strangers may hold.
func (c *Config) checkIntake(env certs.Environment, bad complain) {
	a := &c.AS4
	if a.Plain && env != certs.Local && len(a.Proxies) == 0 {
		bad("as4.trusted_proxies", "name the proxy that ends TLS for as4.plain: else all senders count as one source")
	}
	if a.PerSource > a.Connections {
		const text = "want at most as4.connections, which is %d, have %d"
		bad("as4.connections_per_source", text, a.Connections, a.PerSource)
	}
	if a.SpoolBytes != 0 && a.SpoolBytes < a.MaxBytes {
		bad("as4.spool_bytes", "want 0, or at least as4.max_bytes, which is %d, have %d", a.MaxBytes, a.SpoolBytes)
	}
	for i, text := range a.Proxies {
		p, err := parseNetwork(text)
		switch path := fmt.Sprintf("as4.trusted_proxies[%d]", i); {
		case err != nil:
			bad(path, "want an address or a network like 10.0.0.0/24, have %q", text)
		case p.Bits() == 0:
			bad(path, "%s is everybody: then each client could say that it is another", text)
		}
	}
}

// parseNetwork reads a network, or an address as a network of its own.
func parseNetwork(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Unmap().Prefix(a.Unmap().BitLen())
}

// TrustedProxies returns the proxies of a checked configuration.
func (c *Config) TrustedProxies() []netip.Prefix { return networks(c.AS4.Proxies) }

// Denied returns the networks that a checked configuration forbids to contact.
func (c *Config) Denied() []netip.Prefix { return networks(c.Network.Deny) }

// Canary returns the participant of a checked configuration that must be found, the zero value for none.
func (c *Config) Canary() peppol.ParticipantID {
	p, _ := peppol.ParseParticipant(c.Discovery.Canary) // Check has refused others
	return p
}

// FullStandard tells whether envelopes of a document type may carry its whole identifier in Standard (SBDH-027).
func (c *Config) FullStandard(d peppol.DocTypeID) bool {
	return slices.ContainsFunc(c.SBDH.FullStandard, func(text string) bool {
		listed, err := peppol.ParseDocType(text)
		return err == nil && listed == d
	})
}

func networks(texts []string) (list []netip.Prefix) {
	for _, text := range texts {
		if p, err := parseNetwork(text); err == nil { // Check has refused others
			list = append(list, p)
		}
	}
	return list
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Env returns the environment of a checked configuration.
func (c *Config) Env() certs.Environment { return certs.Environment(c.Environment) }

// RulesDir is the folder of rule packs.
func (c *Config) RulesDir() string {
	if c.Validation.Rules != "" {
		return c.Path(c.Validation.Rules)
	}
	return filepath.Join(c.Path(c.Data), "rules")
}

// Keyring reads all own keys.
func (c *Config) Keyring() (*certs.Keyring, error) {
	var ids []*certs.Identity
	for i, k := range c.Keys {
		id, err := c.identity(k)
		switch {
		case errors.Is(err, certs.ErrPassword):
			return nil, fault.New(fault.PasswordWrong, nil, "keys[%d], %s", i, k.P12)
		case err != nil:
			return nil, fault.New(fault.KeyUnreadable, err, "keys[%d]", i)
		}
		ids = append(ids, id)
	}
	return certs.NewKeyring(ids...), nil
}

func (c *Config) identity(k Key) (*certs.Identity, error) {
	if k.P12 == "" {
		return certs.LoadPEM(c.Path(k.Cert), c.Path(k.Key))
	}
	password := k.Password
	if k.PasswordFile != "" {
		text, err := os.ReadFile(c.Path(k.PasswordFile))
		if err != nil {
			return nil, err
		}
		password, _, _ = strings.Cut(strings.TrimRight(string(text), "\r\n"), "\n")
	}
	return certs.LoadP12(c.Path(k.P12), password)
}

// Anchors returns the trust anchors: those of the files, else those built in for the environment.
func (c *Config) Anchors() (certs.Anchors, error) {
	a := certs.Builtin(c.Env())
	for _, f := range []struct {
		file string
		list *[]certs.Issuer
	}{{c.Certs.APAnchors, &a.AP}, {c.Certs.SMPAnchors, &a.SMP}} {
		if f.file == "" {
			continue
		}
		text, err := os.ReadFile(c.Path(f.file))
		if err == nil {
			*f.list, err = certs.ParseAnchors(text)
		}
		if err != nil {
			return a, fault.New(fault.AnchorsUnreadable, err, "%s", f.file)
		}
	}
	return a, nil
}

// TLSRoots returns the CAs for outgoing TLS: those of the file, else nil, which means those of the operating system.
func (c *Config) TLSRoots() (*x509.CertPool, error) {
	file := c.Certs.TLSRoots
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Path(file))
	if err != nil {
		return nil, fault.New(fault.AnchorsUnreadable, err, "%s", file)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fault.New(fault.AnchorsUnreadable, nil, "%s has no certificate", file)
	}
	return pool, nil
}

// Folders makes the folders of the server and returns them: data with its parts, and the delivery folder.
func (c *Config) Folders() (data, blobs, spool, deliver string, err error) {
	data, deliver = c.Path(c.Data), c.Path(c.Deliver.Folder)
	blobs, spool = filepath.Join(data, "blobs"), filepath.Join(data, "spool")
	for _, dir := range []string{data, blobs, spool, deliver} {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return "", "", "", "", fault.New(fault.FolderUnusable, err, "%s", dir)
		}
		probe, err := durable.Create(durable.OS{}, dir, "probe", 0o600)
		if err != nil {
			return "", "", "", "", fault.New(fault.FolderUnusable, err, "%s", dir)
		}
		probe.Discard()
	}
	return data, blobs, spool, deliver, nil
}
