// Package config holds the configuration of a server: one YAML file in which every key has a default or an error that
// says what to do, and every key can also be set by an environment variable (D-16). docs/configuration.md is generated
// from the doc tags here.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/textfile"
)

// Config is the complete configuration. Paths are relative to the folder of the file.
type Config struct {
	Environment string `yaml:"environment" doc:"Network that this server belongs to: local, test or production. Decides which certificates are trusted; certificates of another network never are."`
	Host        string `yaml:"host" doc:"Host name, the right half of the message ids of this server."`
	Country     string `yaml:"country,omitempty" doc:"ISO 3166-1 code that is written as COUNTRY_C1 if a submission has none. Empty: every submission must have one."`
	Data        string `yaml:"data" doc:"Folder for database, payloads and spool, which must be on one file system."`
	Database    string `yaml:"database,omitempty" doc:"PostgreSQL address (postgres://…). Empty: SQLite in the data folder."`

	Tenants []string `yaml:"tenants,omitempty" doc:"Names of the customers whose documents are kept apart: small letters, digits and hyphens. What names none belongs to default, which is always there."`

	Keys []Key `yaml:"keys" doc:"Our keys, current and previous ones. The seat id is the CN of the certificate."`

	Certs struct {
		APAnchors  string `yaml:"ap_anchors,omitempty" doc:"PEM file with the CAs that issue access point certificates. Empty: the built-in G3 CAs of the environment; local has none."`
		SMPAnchors string `yaml:"smp_anchors,omitempty" doc:"PEM file with the CAs that issue SMP certificates. Empty: as above."`
		TLSRoots   string `yaml:"tls_roots,omitempty" doc:"PEM file with the CAs that are trusted for outgoing TLS. Empty: those of the operating system."`
		Revocation string `yaml:"revocation,omitempty" doc:"unchecked: accept that revoked certificates are trusted. Production does not start without it until revocation checking is built."`
	} `yaml:"certs"`

	AS4 struct {
		Listen   string `yaml:"listen" doc:"Address of the AS4 endpoint."`
		Path     string `yaml:"path,omitempty" doc:"Path of the AS4 endpoint." default:"/as4"`
		Plain    bool   `yaml:"plain,omitempty" doc:"Listen without TLS: behind a proxy that terminates TLS, or on loopback in local."`
		TLSCert  string `yaml:"tls_cert,omitempty" doc:"PEM file with the TLS certificate chain; reloaded when it changes."`
		TLSKey   string `yaml:"tls_key,omitempty" doc:"PEM file with the TLS key."`
		MaxBytes int64  `yaml:"max_bytes,omitempty" doc:"Limit of a request as received, in bytes." default:"104857600"`
		MaxSize  int64  `yaml:"max_expanded_bytes,omitempty" doc:"Limit of a document after decompression, in bytes." default:"1073741824"`
		InFlight int    `yaml:"in_flight,omitempty" doc:"Messages that are worked on at once. As many that have arrived completely wait for their turn; others must try again later." default:"64"`
		Lenient  bool   `yaml:"lenient_message_id,omitempty" doc:"Accept message ids that break RFC 2822, and log them."`

		AcceptBase64 bool `yaml:"accept_base64,omitempty" doc:"Accept messages whose payload part is in base64, which some products send; each is counted and shown in the log as tolerated." default:"true"`

		Connections int      `yaml:"connections,omitempty" doc:"Connections that are open at once. If there are more, the slowest is closed, idle ones first." default:"256"`
		PerSource   int      `yaml:"connections_per_source,omitempty" doc:"Connections that one source has open at once. A source is an IPv4 address, the first 64 bits of an IPv6 address, or a client behind a trusted proxy." default:"32"`
		SpoolBytes  int64    `yaml:"spool_bytes,omitempty" doc:"Disk space for messages while they arrive, in bytes; one source may use a quarter, or twice max_bytes if that is more. 0: 4 GiB or four times max_bytes, whichever is more, but at most a quarter of the free disk space at the start."`
		Proxies     []string `yaml:"trusted_proxies,omitempty" doc:"Addresses or networks (10.0.0.0/24) of proxies in front of the endpoint. Their headers X-Forwarded-For and Forwarded are trusted to name the client, those of others are not. The number of their own connections is not limited."`
	} `yaml:"as4"`

	Discovery struct {
		Zone     string `yaml:"zone,omitempty" doc:"SML zone. Empty: that of the environment; local has none."`
		Resolver string `yaml:"resolver,omitempty" doc:"DNS server, host:port. Empty: those of the operating system."`
		Canary   string `yaml:"canary,omitempty" doc:"A participant that is certainly registered, like 0192:991825827. If the SML does not know it, the zone is out of order, and no receiver counts as not registered."`
		OldForm  bool   `yaml:"old_canonicalization,omitempty" doc:"Accept metadata that are signed with exclusive canonicalization, which SMPs had to replace in 2022."`
	} `yaml:"discovery"`

	Network struct {
		Proxy        string   `yaml:"proxy,omitempty" doc:"HTTP proxy for all connections to SMPs and access points and for downloads of rule packs: http://host:port, or https://host:port if the connection to the proxy itself is encrypted. Empty: none, whatever HTTPS_PROXY and the like say."`
		User         string   `yaml:"proxy_user,omitempty" doc:"User name for the proxy."`
		Password     string   `yaml:"proxy_password,omitempty" doc:"Its password. Prefer proxy_password_file or the environment variable."`
		PasswordFile string   `yaml:"proxy_password_file,omitempty" doc:"File whose first line is the password."`
		NoProxy      []string `yaml:"no_proxy,omitempty" doc:"Hosts that are connected to directly: names (example.org, which includes what is below it), .example.org for what is below it only, addresses or networks (10.0.0.0/24)."`
		Deny         []string `yaml:"deny,omitempty" doc:"Addresses or networks (198.51.100.0/24) to which no connection for an SMP or access point is made, for example our own public ones. Addresses that are not public need not be listed."`
	} `yaml:"network,omitempty"`

	SBDH struct {
		FullStandard []string `yaml:"full_standard,omitempty" doc:"Document types, scheme::value, in whose envelopes Standard may hold the complete document type identifier, as in Digdir's innbyggerpost."`
	} `yaml:"sbdh,omitempty"`

	Deliver struct {
		Folder string   `yaml:"folder,omitempty" doc:"Folder for received documents, each in a folder of its own with payload and metadata.json. It is short for a backend named folder with one route, default, for everything; backends and routes stand instead of it."`
		Lease  Duration `yaml:"lease,omitempty" doc:"Lease of a delivery. After a crash, a document that was being delivered waits that long." default:"1m"`
	} `yaml:"deliver,omitempty"`

	Backends []Backend `yaml:"backends,omitempty"`
	Routes   []Route   `yaml:"routes,omitempty"`

	Send struct {
		Timeout Duration `yaml:"timeout,omitempty" doc:"Time limit for one attempt, from connecting to the end of the answer." default:"5m"`
		Retry   []string `yaml:"retry,omitempty" doc:"Waits between the attempts to send a message, like 1m; each is spread by a fifth. After the last one there is an attempt every hour." default:"1m, 2m, 5m, 10m, 20m, 40m"`
		GiveUp  Duration `yaml:"give_up_after,omitempty" doc:"How long after it was handed in a message is sent again. After that it has failed." default:"24h"`
		PerAP   int      `yaml:"per_access_point,omitempty" doc:"Messages that are sent to one access point at the same time while others wait." default:"8"`
		Rate    int      `yaml:"rate_per_access_point,omitempty" doc:"Messages that begin to be sent to one access point in a second, for partners who ask for a limit. 0: as many as its places allow." default:"0"`
		Workers int      `yaml:"workers,omitempty" doc:"Messages that are sent at the same time." default:"16"`
		Plans   []Plan   `yaml:"plans,omitempty"`
		Hold    Duration `yaml:"hold,omitempty" doc:"How long a message is held if its receiver is registered in the SML, but not in the SMP that the SML names, as while a participant changes its provider. ravn serve looks the receiver up again every 15 minutes. 0: the message is given up at once." default:"24h"`
	} `yaml:"send"`

	Notify struct {
		Folder string `yaml:"folder,omitempty" doc:"Folder for news of sent documents: a file <event id>.json, a CloudEvent, when one was sent, has failed, was cancelled or needs a person. With tenants, each has a folder in it. Empty: nobody is told."`
	} `yaml:"notify,omitempty"`

	Submit struct {
		Folder  string         `yaml:"folder,omitempty" doc:"Pick-up folder of the tenant default: documents that are put there are sent (docs/operations.md). Its parts pending, done and failed are made in it. submit.folders has more settings and other tenants."`
		Folders []PickupFolder `yaml:"folders,omitempty"`
	} `yaml:"submit,omitempty"`

	Validation struct {
		Rules    string `yaml:"rules,omitempty" doc:"Folder of rule packs (ravn rules install). Empty: rules in the data folder."`
		Outgoing string `yaml:"outgoing,omitempty" doc:"Check of submitted documents: off, report (the report is kept with the message) or reject (an invalid document is not accepted)." default:"off"`
		Incoming string `yaml:"incoming,omitempty" doc:"Check of received documents, after the receipt was sent: off or report (the report is kept with the message and in metadata.json)." default:"off"`

		NoRules string `yaml:"no_rules,omitempty" doc:"What happens to a submitted document that is to be checked, but for which there are no rules, or whose check took too much time or memory: accept (it is sent, and its report says so) or reject." default:"accept"`

		RoomBytes int64    `yaml:"room_bytes,omitempty" doc:"Memory for all checks together, in bytes: documents, their trees and the values of rules. A document waits on disk until enough of it is free; one that needs more than that is sent or delivered unchecked, and its report says so." default:"268435456"`
		Timeout   Duration `yaml:"timeout,omitempty" doc:"How long a document may wait for memory and be checked; after that it goes on unchecked, and its report says so." default:"5m"`
	} `yaml:"validation,omitempty"`

	Reporting struct {
		SPID     string `yaml:"spid,omitempty" doc:"Participant id of this service provider itself, like 0242:000123. It sends the reports, and status messages count as its own."`
		Country  string `yaml:"country,omitempty" doc:"Country of the service provider. Empty: that in country."`
		Receiver string `yaml:"receiver,omitempty" doc:"Receiver of the reports. Empty: in production OpenPeppol, 9925:be0848934496; elsewhere none."`
	} `yaml:"reporting,omitempty"`

	Ops struct {
		Listen string `yaml:"listen,omitempty" doc:"Address of a listener for those who watch the server, like 127.0.0.1:9445: /healthz (the process lives), /readyz (it takes messages) and /metrics (Prometheus), without TLS and without login. Empty: none."`
		Public bool   `yaml:"public,omitempty" doc:"ops.listen may be an address that other machines can reach. It has no login: let only the machines through that watch."`
	} `yaml:"ops,omitempty"`

	Alerts Alerts `yaml:"alerts,omitempty"`

	Log struct {
		Level  string `yaml:"level,omitempty" doc:"debug, info, warn or error." default:"info"`
		Format string `yaml:"format,omitempty" doc:"json or console. Empty: console on a terminal, otherwise json."`
	} `yaml:"log"`

	dir     string            // folder of the file; paths are relative to it
	places  map[string]place  // position of a key in the file, by its path
	env     map[string]string // the environment variable that set a key, by its path
	unknown []string          // environment variables that look like those of a key, but no key has them
}

// Key is one of our keys: a PKCS#12 file, or certificate and key in PEM.
type Key struct {
	P12          string `yaml:"p12,omitempty" doc:"PKCS#12 file with key and certificate."`
	Password     string `yaml:"password,omitempty" doc:"Its password. Prefer password_file."`
	PasswordFile string `yaml:"password_file,omitempty" doc:"File whose first line is the password."`
	Cert         string `yaml:"cert,omitempty" doc:"PEM file with the certificate, instead of p12."`
	Key          string `yaml:"key,omitempty" doc:"PEM file with the private key."`
}

// Plan is another retry and give_up_after for messages of a tenant or of some document types. What it does not say is
// as for all messages.
type Plan struct {
	Tenant       string   `yaml:"tenant,omitempty" doc:"Tenant whose messages have this plan. Empty: all. The first plan that fits a message is its plan; if none does, it is send.retry and send.give_up_after."`
	DocumentType string   `yaml:"document_type,omitempty" doc:"Document type, scheme::value, in which each * stands for any characters: *::Invoice##*. Empty: all."`
	Retry        []string `yaml:"retry,omitempty" doc:"As send.retry. Left out: what that says."`
	GiveUp       Duration `yaml:"give_up_after,omitempty" doc:"As send.give_up_after. Left out: what that says."`
}

// Duration is a time.Duration that is written like 30s or 5m.
type Duration time.Duration

// UnmarshalText reads that form.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("want a duration like 30s or 5m, have %q", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes that form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string { return time.Duration(d).String() }

// Load reads the file and fills in defaults. Check says whether the values make sense.
func Load(file string) (*Config, error) { return load(file, environ()) }

func load(file string, env map[string]string) (*Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.ConfigUnreadable, err, "%s", file)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fault.New(fault.ConfigUnreadable, err, "%s", file)
	}
	c, err := Parse(text, dir, env)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, err, "%s", file)
	}
	return c, nil
}

// LoadAlone is Load without the process's environment, for a file that others will use elsewhere.
func LoadAlone(file string) (*Config, error) { return load(file, nil) }

// environ returns the variables of the process's environment that concern us.
func environ() map[string]string {
	vars := map[string]string{}
	for _, pair := range os.Environ() {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, envPrefix) {
			vars[name] = value
		}
	}
	return vars
}

// Parse reads the text of a configuration whose paths are relative to dir. Unknown keys are errors with line and
// column. Environment variables override the text: RAVN_AS4_LISTEN is as4.listen. A key that is left out or empty has
// its default; a number that is given as 0 is 0, and a switch that is off is off.
func Parse(text []byte, dir string, env map[string]string) (*Config, error) {
	text = textfile.Clean(text)
	c := &Config{}
	derr := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(c) // which begins with a zero Config
	c.dir, c.places, c.env = dir, placesOf(text), map[string]string{}
	if derr != nil && !errors.Is(derr, io.EOF) {
		return nil, c.unreadable(derr)
	}
	names := map[string]bool{}
	var bad []error
	err := walk(reflect.ValueOf(c).Elem(), "", func(f field) error {
		names[f.env()] = true
		if err := c.fill(f, env); err != nil {
			bad = append(bad, fmt.Errorf("%s%s: %w", f.path, c.Where(f.path), err))
		}
		return nil
	})
	for name := range env {
		if !names[name] && !foreign(name, env[name]) {
			c.unknown = append(c.unknown, name)
		}
	}
	slices.Sort(c.unknown)
	return c, errors.Join(append(bad, err)...)
}

// fill sets a key from its environment variable, or else to its default if the text gives no value.
func (c *Config) fill(f field, env map[string]string) error {
	_, number := f.number()
	if v, ok := env[f.env()]; ok {
		c.env[f.path] = f.env()
		return f.set(v)
	}
	if number && c.places[f.path].kind == ast.FloatType { // the decoder would truncate it
		return errors.New("want a whole number")
	}
	meant := number || f.value.Kind() == reflect.Bool // 0 and false are values
	if f.value.IsZero() && f.def != "" && !(meant && c.given(f.path)) {
		return f.set(f.def)
	}
	return nil
}

// envPrefix begins the names of all our environment variables.
const envPrefix = "RAVN_"

// beside are the beginnings of variables that begin like those of keys and are something else: for quickstart, for
// tests and measurements.
var beside = [...]string{
	"RAVN_P12_PASSWORD", "RAVN_FAILPOINT", "RAVN_TEST_", "RAVN_BENCH_", "RAVN_REQUIRE_", "RAVN_DIFFERENTIAL_",
	"RAVN_SHARED", "RAVN_LARGE", "RAVN_INTEROP_LOG",
}

// ofServices are the variables that Kubernetes and Docker set in each container if a service is called ravn, or begins
// with that.
var ofServices = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|` +
	`_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

// foreign reports whether a variable is none of the configuration's, although it begins with RAVN_.
func foreign(name, value string) bool {
	for _, prefix := range beside {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return ofServices.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// field is one key of the configuration.
type field struct {
	path, doc, def string
	value          reflect.Value
}

func (f field) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(f.path, ".", "_"))
}

// set gives the key a value in its written form.
func (f field) set(s string) error {
	if d, ok := f.value.Addr().Interface().(*Duration); ok {
		return d.UnmarshalText([]byte(s))
	}
	switch f.value.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("want true or false, have %q", s)
		}
		f.value.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("want a whole number, have %q", s)
		}
		f.value.SetInt(n)
	case reflect.Slice:
		f.value.Set(reflect.ValueOf(splitList(s)))
	default:
		f.value.SetString(s)
	}
	return nil
}

// splitList reads a comma-separated list in an environment variable.
func splitList(s string) (list []string) {
	for v := range strings.SplitSeq(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			list = append(list, v)
		}
	}
	return list
}

// walk calls visit for each key that holds one value or a list of texts; other lists are left to the file.
func walk(v reflect.Value, prefix string, visit func(field) error) error {
	return walkAll(v, prefix, func(f field) error {
		if t := f.value.Type(); t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.String {
			return nil
		}
		return visit(f)
	})
}

// walkAll calls visit for each key.
func walkAll(v reflect.Value, prefix string, visit func(field) error) error {
	for i := range v.NumField() {
		t := v.Type().Field(i)
		if !t.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(t.Tag.Get("yaml"), ",")
		path := prefix + name
		switch {
		case t.Type.Kind() == reflect.Struct:
			if err := walkAll(v.Field(i), path+".", visit); err != nil {
				return err
			}
		default:
			if err := visit(field{
				path: path, doc: t.Tag.Get("doc"), def: t.Tag.Get("default"),
				value: v.Field(i),
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Path returns a configured path as an absolute one, "" for "".
func (c *Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}
