package config

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/textfile"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sml"
)

var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// Fault returns an error about a key, with the place where it was set.
func (c *Config) Fault(code fault.Code, cause error, path, format string, args ...any) *fault.Error {
	return fault.New(code, cause, "%s%s: %s", path, c.Where(path), fmt.Sprintf(format, args...))
}

// Check returns everything that is wrong with the values, each as a *fault.Error with key and line, joined. What files,
// folders, addresses and databases are worth is checked by package node.
func (c *Config) Check() error {
	var all []error
	bad := func(path, format string, args ...any) {
		all = append(all, c.Fault(fault.ConfigInvalid, nil, path, format, args...))
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
	c.checkPlaces(bad)
	c.checkDelivery(bad, func(path, format string, args ...any) {
		all = append(all, c.Fault(fault.RoutesConfused, nil, path, format, args...))
	})
	c.checkBounds(bad)
	c.checkKeys(bad)
	c.checkCerts(env, bad)
	c.checkAS4(env, bad)
	c.checkIntake(env, bad)
	c.checkReporting(bad)
	c.checkDiscovery(env, bad)
	c.checkNetwork(bad)
	c.checkPlan(bad)
	c.checkPickup(bad)
	c.checkOps(env, bad)
	c.checkAlerts(env, bad)
	c.checkChoices(bad)
	for _, name := range c.unknown {
		bad(name, "no key has this environment variable; docs/configuration.md lists them")
	}
	if env == certs.Production && c.Certs.Revocation == "" {
		all = append(all, c.Fault(fault.RevocationMissing, nil, "certs.revocation", "not set"))
	}
	return errors.Join(all...)
}

// checkChoices checks the keys that take one of a few words.
func (c *Config) checkChoices(bad complain) {
	for _, k := range [...]struct {
		path, value string
		want        []string
	}{
		{"validation.outgoing", c.Validation.Outgoing, []string{"off", "report", "reject"}},
		{"validation.incoming", c.Validation.Incoming, []string{"off", "report"}},
		{"validation.no_rules", c.Validation.NoRules, []string{"accept", "reject"}},
		{"log.level", c.Log.Level, []string{"debug", "info", "warn", "error"}},
		{"log.format", c.Log.Format, []string{"", "json", "console"}},
	} {
		if !slices.Contains(k.want, k.value) {
			words := slices.DeleteFunc(k.want, func(w string) bool { return w == "" })
			last := len(words) - 1
			bad(k.path, "want %s or %s, have %q", strings.Join(words[:last], ", "), words[last], k.value)
		}
	}
}

// checkPlaces checks the folders. What is delivered must not lie among the payloads, where what no row knows is
// removed.
func (c *Config) checkPlaces(bad complain) {
	if c.Data == "" {
		bad("data", "a folder is needed")
	}
	if c.Notify.Folder == "" {
		return
	}
	news := filepath.Clean(c.Path(c.Notify.Folder))
	for _, t := range c.Targets() {
		if t.Dir != "" && within(news, t.Dir) {
			bad("notify.folder", "%s belongs to %s: choose another", news, t.Key)
			return
		}
	}
	if c.inData(news) {
		bad("notify.folder", "%s belongs to the data folder: choose another", news)
	}
}

// dataParts are the names in the data folder that are ours; "" is the folder itself.
var dataParts = []string{"", "blobs", "spool", "processes"}

// within reports whether a path is dir or lies in it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// checkDiscovery checks that the zone is one, and not that of another network (D-20).
func (c *Config) checkDiscovery(env certs.Environment, bad complain) {
	if r := c.Discovery.Resolver; r != "" && !server(r) {
		bad("discovery.resolver", "want host:port of a DNS server, have %q", r)
	}
	zone := strings.ToLower(strings.TrimSuffix(c.Discovery.Zone, "."))
	if zone != "" && !hostForm.MatchString(zone) {
		bad("discovery.zone", "want a domain name, have %q", c.Discovery.Zone)
	}
	for other, theirs := range map[certs.Environment]string{
		certs.Test:       sml.ZoneTest,
		certs.Production: sml.ZoneProduction,
	} {
		if env != other && zone == theirs {
			bad("discovery.zone", "%s is the zone of the %s network", c.Discovery.Zone, other)
		}
	}
	c.checkPartners(bad)
	c.checkTenants(bad)
}

// checkPartners checks the keys about finding receivers and reading what partners send.
func (c *Config) checkPartners(bad complain) {
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
	for _, k := range [...]struct{ path, id string }{{"reporting.spid", r.SPID}, {"reporting.receiver", r.Receiver}} {
		if _, err := peppol.ParseParticipant(k.id); k.id != "" && err != nil {
			bad(k.path, "%v", err)
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
	if env == certs.Local && c.Certs.SMPAnchors == "" && c.Discovery.Zone != "" {
		bad("certs.smp_anchors",
			"local has no built-in CAs, and SMPs of discovery.zone are to be trusted: name a PEM file")
	}
	if r := c.Certs.Revocation; r != "" && r != "unchecked" {
		bad("certs.revocation", "the only value is unchecked, have %q", r)
	}
}

func (c *Config) checkAS4(env certs.Environment, bad complain) {
	host, _, err := net.SplitHostPort(c.AS4.Listen)
	if !IsAddress(c.AS4.Listen) {
		bad("as4.listen", "want host:port, have %q", c.AS4.Listen)
	}
	if env == certs.Local && err == nil && !loopback(host) {
		bad("as4.listen", "local listens on loopback addresses only (D-20), have %q", host)
	}
	if u, err := url.Parse(c.AS4.Path); err != nil || !strings.HasPrefix(c.AS4.Path, "/") || u.Path != c.AS4.Path ||
		u.String() != c.AS4.Path {
		bad("as4.path", "want a path that begins with /, without query or signs that must be encoded, have %q",
			c.AS4.Path)
	}
	if !c.AS4.Plain && (c.AS4.TLSCert == "" || c.AS4.TLSKey == "") {
		bad("as4.tls_cert", "name certificate and key, or set as4.plain behind a proxy that ends TLS")
	}
}

// IsAddress reports whether s is host:port with a port that exists.
func IsAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// server reports whether s is the address of a server that one can connect to: with a host, and not port 0.
func server(s string) bool {
	host, port, _ := net.SplitHostPort(s)
	ip := net.ParseIP(host)
	return IsAddress(s) && strings.Trim(port, "0") != "" && (hostForm.MatchString(host) || ip != nil)
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

// Keyring reads all own keys. The error has all that cannot be read.
func (c *Config) Keyring() (*certs.Keyring, error) {
	ids, err := c.Identities()
	if err != nil {
		return nil, err
	}
	return certs.NewKeyring(ids...), nil
}

// Identities reads all own keys in the order of the configuration; one that cannot be read is nil, and part of the
// error.
func (c *Config) Identities() (ids []*certs.Identity, err error) {
	var all []error
	for i, k := range c.Keys {
		path := fmt.Sprintf("keys[%d]", i)
		if k.P12 == "" && (k.Cert == "" || k.Key == "") {
			ids = append(ids, nil) // Check says what is missing
			continue
		}
		id, err := c.identity(k)
		switch {
		case errors.Is(err, certs.ErrPassword):
			all = append(all, c.Fault(fault.PasswordWrong, nil, path, "%s", k.P12))
		case err != nil:
			all = append(all, c.Fault(fault.KeyUnreadable, err, path, "%s", cmp.Or(k.P12, k.Cert)))
		}
		ids = append(ids, id)
	}
	return ids, errors.Join(all...)
}

func (c *Config) identity(k Key) (*certs.Identity, error) {
	if k.P12 == "" {
		return certs.LoadPEM(c.Path(k.Cert), c.Path(k.Key))
	}
	password := k.Password
	if k.PasswordFile != "" {
		var err error
		if password, err = ReadPassword(c.Path(k.PasswordFile)); err != nil {
			return nil, err
		}
	}
	return certs.LoadP12(c.Path(k.P12), password)
}

// ReadPassword returns the first line of a file, without the mark that some editors begin a file with.
func ReadPassword(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	password, err := textfile.Password(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return password, nil
}

// Anchors returns the trust anchors: those of the files, else those built in for the environment.
func (c *Config) Anchors() (certs.Anchors, error) {
	a := certs.Builtin(c.Env())
	var all []error
	for _, f := range []struct {
		path, file string
		list       *[]certs.Issuer
	}{{"certs.ap_anchors", c.Certs.APAnchors, &a.AP}, {"certs.smp_anchors", c.Certs.SMPAnchors, &a.SMP}} {
		if f.file == "" {
			continue
		}
		text, err := os.ReadFile(c.Path(f.file))
		if err == nil {
			*f.list, err = certs.ParseAnchors(text)
		}
		if err != nil {
			all = append(all, c.Fault(fault.AnchorsUnreadable, err, f.path, "%s", f.file))
		}
	}
	return a, errors.Join(all...)
}

// TLSRoots returns the CAs for outgoing TLS: those of the file, else nil, which means those of the operating system.
func (c *Config) TLSRoots() (*x509.CertPool, error) {
	file := c.Certs.TLSRoots
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Path(file))
	if err != nil {
		return nil, c.Fault(fault.AnchorsUnreadable, err, "certs.tls_roots", "%s", file)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(textfile.Clean(text)) {
		return nil, c.Fault(fault.AnchorsUnreadable, nil, "certs.tls_roots", "%s has no certificate", file)
	}
	return pool, nil
}

// keyed is a folder with the key that names it.
type keyed struct{ key, dir string }

// dataFolders are data and its parts blobs and spool.
func (c *Config) dataFolders() []keyed {
	data := c.Path(c.Data)
	return []keyed{{"data", data}, {"data", filepath.Join(data, "blobs")}, {"data", filepath.Join(data, "spool")}}
}

// Folders makes the data folder with its parts, and returns them. Those for received documents are made by MakeNew, and
// that only when a server starts: a command must not make the folder of a disk that is not mounted, into which the
// server would then deliver.
func (c *Config) Folders() (data, blobs, spool string, err error) {
	list := c.dataFolders()
	for _, f := range list {
		if err := makeFolder(f.dir, 0o700); err != nil {
			return "", "", "", c.Fault(fault.FolderUnusable, err, f.key, "%s", f.dir)
		}
	}
	return list[0].dir, list[1].dir, list[2].dir, nil
}

// makeFolder makes a folder, if it is not there, and sees whether files can be made in it.
func makeFolder(dir string, mode fs.FileMode) error {
	if err := durable.MkdirAll(dir, mode); err != nil {
		return err
	}
	probe, err := durable.Create(durable.OS{}, dir, "probe", 0o600)
	if err == nil {
		probe.Discard()
	}
	return err
}

// CheckFolders says whether Folders and MakeNew can make and use the folders, without making anything.
func (c *Config) CheckFolders() error {
	var all []error
	seen := map[string]bool{"": true}
	list := c.dataFolders()
	for _, t := range c.Targets() {
		list = append(list, keyed{t.Key, t.Dir})
	}
	for _, f := range list {
		if c.Data == "" && f.key == "data" {
			continue // Check says so
		}
		if err := usable(f.dir); err != nil && !seen[f.key+err.Error()] {
			seen[f.key+err.Error()] = true
			all = append(all, c.Fault(fault.FolderUnusable, err, f.key, "%s", f.dir))
		}
	}
	return errors.Join(all...)
}

// Access rights as access(2) asks for them.
const writeAndSearch = 2 | 1

// usable reports why files cannot be made in a folder, which may have to be made itself.
func usable(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
		return usable(filepath.Dir(dir))
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	}
	if err := syscall.Access(dir, writeAndSearch); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}
