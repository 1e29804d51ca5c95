package config

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/routes"
)

// Backend is a named place for received documents (OPS-001).
type Backend struct {
	Name   string `yaml:"name" doc:"Name of the backend, which routes, attempts and metrics use: small letters, digits and hyphens."`
	Kind   string `yaml:"kind" doc:"folder. Others are not offered yet."`
	Folder string `yaml:"folder,omitempty" doc:"folder: where the documents are put, like deliver.folder."`

	Layout   string `yaml:"layout,omitempty" doc:"folder: ravn (<delivery id>/document.xml and metadata.json), flat (NAME.xml and NAME.json), per-transaction (NAME/sbd.xml and metadata.json), both as phoss-ap has them, or oxalis (<receiver>/<sender>/<message id>.doc.xml and .receipt.dat)." default:"ravn"`
	Pattern  string `yaml:"pattern,omitempty" doc:"folder: NAME in the layouts flat and per-transaction. It may have {datetime}, {incoming-id}, {sbdh-instance-id}, {receiver-id}, {receiver-value}, {sender-id}, {sender-value}, {doctype-id}, {process-id} and {delivery-id}. Without incoming-id or delivery-id, which are the same, the end of that is appended." default:"{delivery-id}"`
	Mode     int    `yaml:"mode,omitempty" doc:"folder: permissions of the files in octal, within the umask; whoever may read the files may enter the folders." default:"0640"`
	Metadata string `yaml:"metadata,omitempty" doc:"folder: members of the metadata: ravn or phoss (those of phoss-ap)." default:"ravn"`

	Retry       []string `yaml:"retry,omitempty" doc:"Waits between the attempts to deliver a document, like 1m; each is spread by a fifth. After the last one there is an attempt every hour. Left out: 1m, 2m, 4m, 8m, 16m, 32m."`
	GiveUp      string   `yaml:"give_up_after,omitempty" doc:"How long after it came a document is tried again, like 12h or 5d, at least 1m. After that it is given up, with an alert. 0: never." default:"5d"`
	Concurrency *int     `yaml:"concurrency,omitempty" doc:"How many documents are delivered here at the same time, 1 to 1000." default:"8"`
	Rate        int      `yaml:"rate,omitempty" doc:"Documents per second at most. 0: any number." default:"0"`

	Timeout string `yaml:"timeout,omitempty" doc:"Time for one attempt, 1s to 1h, and a second more for each MiB of the document." default:"60s"`
}

// Route says for which documents a backend is (OPS-002).
type Route struct {
	Name  string     `yaml:"name" doc:"Name of the route: small letters, digits and hyphens."`
	Match RouteMatch `yaml:"match"`
	To    string     `yaml:"to" doc:"Name of the backend. The first route that matches a document is its route; routes[].match: {} is for all."`
}

// RouteMatch says what must be so of a document. What it leaves out may be anything.
type RouteMatch struct {
	Tenant       string `yaml:"tenant,omitempty" doc:"Tenant. Here and in the following keys each * stands for any characters, and what is left out may be anything."`
	Receiver     string `yaml:"receiver,omitempty" doc:"Participant id of the receiver, like 0192:991825827 or 0192:*. Letter case does not matter."`
	Sender       string `yaml:"sender,omitempty" doc:"Participant id of the sender."`
	DocumentType string `yaml:"document_type,omitempty" doc:"Document type, scheme::value, as in *::Invoice##*."`
	Process      string `yaml:"process,omitempty" doc:"Process, scheme::value."`
	Domain       string `yaml:"domain,omitempty" doc:"Domain of the receiver: eProcurement, eGov or payment."`
	C2           string `yaml:"c2,omitempty" doc:"Seat id of the access point that the document came from."`
}

// KindFolder is the kind of a backend that puts documents into a folder.
const KindFolder = "folder"

// kinds are the kinds of backends that there are.
var kinds = []string{KindFolder}

// Names of the backend and the route that deliver.folder stands for.
const (
	shortBackend = "folder"
	shortRoute   = "default"
)

// maxBackends bounds the values of a label of the metrics (OPS-080).
const maxBackends = 100

// Target is a backend of a checked configuration.
type Target struct {
	Key  string // in the configuration
	Name string
	Dir  string // absolute

	Layout  string      // "" for the default
	Pattern string      // "" for the default
	Mode    fs.FileMode // 0 for the default
	Phoss   bool        // metadata have phoss-ap's members

	Retry   []time.Duration // waits between attempts (OPS-005)
	GiveUp  time.Duration   // 0 means never
	Timeout time.Duration   // for one attempt, without what the size of the document adds

	Concurrency int // documents at the same time (OPS-006)
	Rate        int // documents per second; 0 means any number
}

// usualRetry are the waits of a backend that names none.
var usualRetry = []string{"1m", "2m", "4m", "8m", "16m", "32m"}

// Bounds of the times of a backend.
const (
	usualGiveUp  = "5d"
	minGiveUp    = time.Minute
	maxGiveUp    = 3650 * 24 * time.Hour
	usualTimeout = "60s"
	minDeliver   = time.Second
	maxDeliver   = time.Hour

	usualConcurrency = 8
	shortConcurrency = 32 // of deliver.folder, which shares with nobody
	maxConcurrency   = 1000
	maxRate          = 100_000
)

// backends returns the backends as they were written, with their keys. The short form is one with nothing else said.
func (c *Config) backends() (list []Backend, keys []string) {
	if c.Deliver.Folder != "" {
		places := shortConcurrency
		list, keys = append(list, Backend{
			Name: shortBackend, Kind: KindFolder, Folder: c.Deliver.Folder, Concurrency: &places,
		}), append(keys, "deliver")
	}
	for i, b := range c.Backends {
		list, keys = append(list, b), append(keys, fmt.Sprintf("backends[%d]", i))
	}
	return list, keys
}

// Targets returns the backends of a checked configuration.
func (c *Config) Targets() (all []Target) {
	list, keys := c.backends()
	for i, b := range list {
		t := Target{
			Key: at(keys[i], "folder"), Name: b.Name, Layout: b.Layout, Pattern: b.Pattern,
			Mode: fs.FileMode(b.Mode), Phoss: b.Metadata == metadataPhoss,
		}
		if b.Retry == nil {
			b.Retry = usualRetry
		}
		t.Retry = waitsOf(b.Retry)
		t.GiveUp, _ = parseTime(cmp.Or(b.GiveUp, usualGiveUp)) // Check has refused what is none
		t.Timeout, _ = parseTime(cmp.Or(b.Timeout, usualTimeout))
		t.Concurrency, t.Rate = usualConcurrency, b.Rate
		if b.Concurrency != nil {
			t.Concurrency = *b.Concurrency
		}
		if b.Folder != "" { // otherwise Check refuses it
			t.Dir = filepath.Clean(c.Path(b.Folder))
		}
		all = append(all, t)
	}
	return all
}

// RouteTable returns the routes of a checked configuration.
func (c *Config) RouteTable() *routes.Table {
	var list []routes.Route
	if c.Deliver.Folder != "" {
		list = append(list, routes.Route{Name: shortRoute, To: shortBackend})
	}
	for _, r := range c.Routes {
		list = append(list, routes.Route{Name: r.Name, Match: r.Match.match(), To: r.To})
	}
	return routes.Compile(list)
}

func (m *RouteMatch) match() routes.Match {
	return routes.Match{
		Tenant: m.Tenant, Receiver: m.Receiver, Sender: m.Sender, DocType: m.DocumentType, Process: m.Process,
		Domain: m.Domain, C2: m.C2,
	}
}

// RouteKey is the key of a route by its position in the table.
func (c *Config) RouteKey(i int) string {
	if c.Deliver.Folder != "" {
		return "deliver.folder"
	}
	return fmt.Sprintf("routes[%d]", i)
}

// checkDelivery refuses places that could not work, and routes that lead nowhere.
func (c *Config) checkDelivery(bad complain, confused complain) {
	switch long := len(c.Backends)+len(c.Routes) > 0; {
	case c.Deliver.Folder == "" && !long:
		bad("deliver.folder", "a folder is needed, or backends and routes")
	case c.Deliver.Folder != "" && long:
		bad("deliver.folder", "it stands for one backend and a route for everything to it: "+
			"with backends and routes, write it as one of them")
	case long && len(c.Backends) == 0:
		bad("backends", "there are routes and no backend that they could lead to")
	case long && len(c.Routes) == 0:
		bad("routes", "there are backends and no route that leads to one; "+
			"{name: rest, match: {}, to: %s} is one for everything", c.Backends[0].Name)
	}
	if n := len(c.Backends); n > maxBackends {
		bad("backends", "want at most %d, have %d", maxBackends, n)
	}
	if n := len(c.Routes); n > routes.Most {
		bad("routes", "want at most %d, have %d", routes.Most, n)
	}
	c.checkBackends(bad, confused)
	c.checkRoutes(bad, confused)
}

func (c *Config) checkBackends(bad, confused complain) {
	first := map[string]string{}
	for i, b := range c.Backends {
		key := fmt.Sprintf("backends[%d]", i)
		c.checkName(key, "backend", b.Name, first, bad, confused)
		switch {
		case !slices.Contains(kinds, b.Kind):
			const text = "want one of the kinds that are offered: %s; have %q"
			bad(at(key, "kind"), text, strings.Join(kinds, ", "), b.Kind)
		case b.Folder == "":
			bad(at(key, "folder"), "a folder is needed")
		}
		b.checkFiles(key, bad)
		b.checkTimes(key, bad)
		b.checkLimits(key, bad)
	}
	targets := c.Targets()
	for i, t := range targets {
		if t.Dir == "" {
			continue
		}
		if c.inData(t.Dir) {
			bad(t.Key, "%s belongs to the data folder itself: choose another", t.Dir)
		}
		for _, other := range targets[:i] { // what one backend makes there another one must not take for its own
			if other.Dir != "" && (within(t.Dir, other.Dir) || within(other.Dir, t.Dir)) {
				const text = "%s and %s%s, %s, must not lie in each other"
				bad(t.Key, text, t.Dir, other.Key, c.Where(other.Key), other.Dir)
			}
		}
	}
}

// Layouts lists the layouts of folders; a test of package node compares them with those of package backend.
func Layouts() []string { return []string{"ravn", "flat", "per-transaction", "oxalis"} }

// Placeholders lists what the pattern of a backend may name; a test of package node compares it with package backend.
func Placeholders() []string {
	return []string{
		"{datetime}", "{delivery-id}", "{doctype-id}", "{incoming-id}", "{process-id}", "{receiver-id}",
		"{receiver-value}", "{sbdh-instance-id}", "{sender-id}", "{sender-value}",
	}
}

const metadataPhoss = "phoss"

// placeholder is what looks like one.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// checkFiles checks what is said of the files in a folder.
func (b *Backend) checkFiles(key string, bad complain) {
	named := b.Layout == "flat" || b.Layout == "per-transaction"
	if b.Layout != "" && !slices.Contains(Layouts(), b.Layout) {
		bad(at(key, "layout"), "want %s, have %q", strings.Join(Layouts(), ", "), b.Layout)
	} else if b.Pattern != "" && !named {
		bad(at(key, "pattern"), "only the layouts flat and per-transaction have names of its form")
	}
	for _, p := range placeholder.FindAllString(b.Pattern, -1) {
		if !slices.Contains(Placeholders(), p) {
			bad(at(key, "pattern"), "there is no %s: want some of %s", p, strings.Join(Placeholders(), " "))
		}
	}
	if strings.ContainsAny(placeholder.ReplaceAllString(b.Pattern, ""), `{}/\`) {
		bad(at(key, "pattern"), "want a name without braces that stand alone and without / or \\, have %q", b.Pattern)
	}
	if b.Mode != 0 && (b.Mode&0o600 != 0o600 || b.Mode&^0o666 != 0) {
		bad(at(key, "mode"), "want 0600 to 0666, like 0640, have %#o", b.Mode)
	}
	switch {
	case b.Metadata != "" && b.Metadata != "ravn" && b.Metadata != metadataPhoss:
		bad(at(key, "metadata"), "want ravn or phoss, have %q", b.Metadata)
	case b.Metadata != "" && b.Layout == "oxalis":
		bad(at(key, "metadata"), "the layout oxalis has no metadata")
	}
}

func (b *Backend) checkTimes(key string, bad complain) {
	checkWaits(at(key, "retry"), b.Retry, bad)
	d, err := parseTime(cmp.Or(b.GiveUp, usualGiveUp))
	if err != nil || d != 0 && d < minGiveUp || d > maxGiveUp {
		bad(at(key, "give_up_after"), "want 0, or 1m to 3650d, have %q", b.GiveUp)
	}
	if d, err := parseTime(cmp.Or(b.Timeout, usualTimeout)); err != nil || d < minDeliver || d > maxDeliver {
		bad(at(key, "timeout"), "want 1s to 1h, have %q", b.Timeout)
	}
}

func (b *Backend) checkLimits(key string, bad complain) {
	if n := b.Concurrency; n != nil && (*n < 1 || *n > maxConcurrency) {
		bad(at(key, "concurrency"), "want 1 to %d, have %d", maxConcurrency, *n)
	}
	if b.Rate < 0 || b.Rate > maxRate {
		bad(at(key, "rate"), "want 0 to %d, have %d", maxRate, b.Rate)
	}
}

// checkName refuses a name that has not the form of one, or that stands for two things.
func (c *Config) checkName(key, what, name string, first map[string]string, bad, confused complain) {
	earlier, twice := first[name]
	switch {
	case !tenantForm.MatchString(name):
		bad(at(key, "name"), "want small letters, digits and hyphens, at most 64, have %q", name)
	case twice:
		confused(at(key, "name"), "there is a %s %s already: %s%s", what, name, earlier, c.Where(earlier))
	default:
		first[name] = at(key, "name")
	}
}

func (c *Config) checkRoutes(bad, confused complain) {
	known := map[string]bool{}
	var names []string
	for _, b := range c.Backends {
		known[b.Name] = true
		names = append(names, b.Name)
	}
	first := map[string]string{}
	for i, r := range c.Routes {
		key := fmt.Sprintf("routes[%d]", i)
		c.checkName(key, "route", r.Name, first, bad, confused)
		if !known[r.To] {
			where := ""
			if len(names) > 0 {
				where = fmt.Sprintf(", only %s%s", strings.Join(names[:min(len(names), 10)], ", "), c.Where("backends"))
			}
			confused(at(key, "to"), "there is no backend %q%s", r.To, where)
		}
		if !c.given(at(key, "match")) {
			bad(key, "say which documents take the route: match; {} is for all")
		}
		match := at(key, "match")
		if t := r.Match.Tenant; t != "" && !strings.Contains(t, "*") && !c.HasTenant(t) {
			bad(at(match, "tenant"), "%q is not among the tenants", t)
		}
		r.Match.match().Check(func(name, problem string) { bad(at(match, name), "%s", problem) })
	}
}

// inData reports whether a folder is one of those that the data folder is made of.
func (c *Config) inData(dir string) bool {
	if c.Data == "" {
		return false
	}
	data := filepath.Clean(c.Path(c.Data))
	return within(dir, data) && slices.Contains(dataParts, strings.SplitN(strings.TrimPrefix(dir, data)+"/", "/", 3)[1])
}

// UnusedDelivery calls found for each route that is the route of no document, and for each backend without a route.
func (c *Config) UnusedDelivery(found func(path, problem string)) {
	table := c.RouteTable()
	table.Unreached(func(i, earlier int) {
		found(c.RouteKey(i), fmt.Sprintf("it is the route of no document: %s%s matches all that it matches",
			c.RouteKey(earlier), c.Where(c.RouteKey(earlier))))
	})
	used := map[string]bool{}
	for _, r := range table.Routes() {
		used[r.To] = true
	}
	for _, t := range c.Targets() {
		if !used[t.Name] {
			found(t.Key, "no route leads to backend "+t.Name)
		}
	}
}
