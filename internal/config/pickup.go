package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

// PickupFolder is a folder from which documents are taken and sent (OPS-040).
type PickupFolder struct {
	Folder   string         `yaml:"folder" doc:"Pick-up folder, like submit.folder."`
	Tenant   string         `yaml:"tenant,omitempty" doc:"Whose documents they are. Each tenant has one pick-up folder at most." default:"default"`
	Scan     string         `yaml:"scan,omitempty" doc:"How often the folder is looked through; where the system tells of new files, it is looked at sooner." default:"2s"`
	Settle   string         `yaml:"settle,omitempty" doc:"How long size and time of a file must stand still before it counts as finished. Its side file must be there by then." default:"2s"`
	Dialect  string         `yaml:"dialect,omitempty" doc:"ravn: what is over goes to done or failed. phoss: to success or error." default:"ravn"`
	Keep     string         `yaml:"keep,omitempty" doc:"How long what was sent stays in done, like 12h or 30d. 0: it is deleted as soon as the receipt is there. What failed stays." default:"30d"`
	Defaults PickupDefaults `yaml:"defaults,omitempty"`
}

// PickupDefaults hold for documents of a folder that say nothing else, and whose side file says nothing else.
type PickupDefaults struct {
	Sender   string `yaml:"sender,omitempty" doc:"Participant id of the sender."`
	Receiver string `yaml:"receiver,omitempty" doc:"Participant id of the receiver."`
	DocType  string `yaml:"document_type,omitempty" doc:"Document type, scheme::value."`
	Process  string `yaml:"process,omitempty" doc:"Process, scheme::value."`
	Country  string `yaml:"country_c1,omitempty" doc:"ISO 3166-1 code that is written as COUNTRY_C1."`
}

// Dialects of pick-up folders.
const (
	DialectRavn  = "ravn"
	DialectPhoss = "phoss" // the names of phoss-ap
)

// Pickup is a pick-up folder of a checked configuration.
type Pickup struct {
	Key                string // in the configuration
	Dir                string // absolute
	Tenant             string
	Scan, Settle, Keep time.Duration
	Done, Failed       string // names of these folders in Dir

	Sender, Receiver peppol.ParticipantID // of documents that name none; zero means they must
	DocType          peppol.DocTypeID
	Process          peppol.ProcessID
	Country          string
}

// PendingFolder is the name of the folder in a pick-up folder for documents whose outcome is open.
const PendingFolder = "pending"

// Bounds of the times of a pick-up folder.
var pickupTimes = map[string]Bound{
	"scan":   {int64(100 * time.Millisecond), int64(time.Hour)},
	"settle": {int64(100 * time.Millisecond), int64(time.Hour)},
	"keep":   {0, int64(3650 * 24 * time.Hour)},
}

// timeRange is the range of a time of a pick-up folder for the documentation, "" for other keys.
func timeRange(name string) string {
	b, ok := pickupTimes[name]
	if !ok {
		return ""
	}
	return shortDuration(time.Duration(b.Min)) + " to " + shortDuration(time.Duration(b.Max))
}

// pickups returns the folders as they were written, and their keys. The short form is one with nothing else said.
func (c *Config) pickups() (list []PickupFolder, keys []string) {
	if c.Submit.Folder != "" {
		list, keys = append(list, PickupFolder{Folder: c.Submit.Folder}), append(keys, "submit.folder")
	}
	for i, f := range c.Submit.Folders {
		list, keys = append(list, f), append(keys, fmt.Sprintf("submit.folders[%d]", i))
	}
	return list, keys
}

// Pickups returns the pick-up folders of a checked configuration.
func (c *Config) Pickups() (all []Pickup) {
	list, keys := c.pickups()
	for i, f := range list {
		p := Pickup{Key: keys[i], Tenant: f.tenant(), Done: "done", Failed: "failed", Country: f.Defaults.Country}
		if f.Folder != "" { // otherwise Check refuses it
			p.Dir = filepath.Clean(c.Path(f.Folder))
		}
		if f.Dialect == DialectPhoss {
			p.Done, p.Failed = "success", "error"
		}
		p.Scan, _ = f.time("scan", f.Scan) // Check has refused what is none
		p.Settle, _ = f.time("settle", f.Settle)
		p.Keep, _ = f.time("keep", f.Keep)
		p.Sender, _ = peppol.ParseParticipant(f.Defaults.Sender)
		p.Receiver, _ = peppol.ParseParticipant(f.Defaults.Receiver)
		p.DocType, _ = peppol.ParseDocType(f.Defaults.DocType)
		p.Process, _ = peppol.ParseProcess(f.Defaults.Process)
		all = append(all, p)
	}
	return all
}

func (f *PickupFolder) tenant() string {
	if f.Tenant == "" {
		return defaultTenant
	}
	return f.Tenant
}

// time reads one of the times, which may be in days.
func (f *PickupFolder) time(name, text string) (time.Duration, error) {
	if text == "" {
		text = map[string]string{"scan": "2s", "settle": "2s", "keep": "30d"}[name]
	}
	return parseTime(text)
}

// parseTime reads a duration, which may be in days.
func parseTime(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > -10_000 && n < 10_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	return time.ParseDuration(text)
}

// checkPickup refuses pick-up folders that could not work, or in which a document could be taken twice.
func (c *Config) checkPickup(bad complain) {
	list, keys := c.pickups()
	tenants := map[string]string{}
	for i, f := range list {
		key := keys[i]
		if f.Folder == "" {
			bad(key, "a folder is needed")
		}
		switch first, twice := tenants[f.tenant()]; {
		case !c.HasTenant(f.tenant()):
			bad(at(key, "tenant"), "there is no tenant %q: tenants lists them", f.Tenant)
		case twice:
			bad(key, "the tenant %s has a pick-up folder already: %s%s", f.tenant(), first, c.Where(first))
		default:
			tenants[f.tenant()] = key
		}
		if !slices.Contains([]string{"", DialectRavn, DialectPhoss}, f.Dialect) {
			bad(at(key, "dialect"), "want ravn or phoss, have %q", f.Dialect)
		}
		for _, t := range [...]struct{ name, text string }{
			{"scan", f.Scan}, {"settle", f.Settle}, {"keep", f.Keep},
		} {
			d, err := f.time(t.name, t.text)
			if b := pickupTimes[t.name]; err != nil || int64(d) < b.Min || int64(d) > b.Max {
				bad(at(key, t.name), "want %s, have %q", timeRange(t.name), t.text)
			}
		}
		f.checkDefaults(at(key, "defaults"), bad)
		c.checkPickupPlace(i, bad)
	}
}

// at is the path of a key below another one.
func at(key, name string) string { return key + "." + name }

func (f *PickupFolder) checkDefaults(key string, bad complain) {
	d := &f.Defaults
	for _, id := range [...]struct{ name, text string }{{"sender", d.Sender}, {"receiver", d.Receiver}} {
		if _, err := peppol.ParseParticipant(id.text); id.text != "" && err != nil {
			bad(at(key, id.name), "%v", err)
		}
	}
	if _, err := peppol.ParseDocType(d.DocType); d.DocType != "" && err != nil {
		bad(at(key, "document_type"), "%v", err)
	}
	if _, err := peppol.ParseProcess(d.Process); d.Process != "" && err != nil {
		bad(at(key, "process"), "%v", err)
	}
	if d.Country != "" && !peppol.KnownCountry(d.Country) {
		bad(at(key, "country_c1"), "%q is not an ISO 3166-1 code in capitals", d.Country)
	}
}

// checkPickupPlace refuses a pick-up folder that lies in another folder of the configuration, or holds one: what is
// delivered would be sent again, or payloads would be taken for documents.
func (c *Config) checkPickupPlace(i int, bad complain) {
	pickups := c.Pickups()
	p := pickups[i]
	if p.Dir == "" {
		return
	}
	others := []keyed{{"data", c.Data}, {"notify.folder", c.Notify.Folder}}
	for _, t := range c.Targets() {
		others = append(others, keyed{t.Key, t.Dir})
	}
	for _, other := range pickups[:i] {
		others = append(others, keyed{other.Key, other.Dir})
	}
	for _, o := range others {
		if o.dir == "" {
			continue
		}
		dir := filepath.Clean(c.Path(o.dir))
		if a, b := realPath(p.Dir), realPath(dir); within(a, b) || within(b, a) {
			bad(p.Key, "%s and %s%s, %s, must not lie in each other", p.Dir, o.key, c.Where(o.key), dir)
		}
	}
}

// realPath follows the links in a path, as far as it exists.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if up := filepath.Dir(path); up != path {
		return filepath.Join(realPath(up), filepath.Base(path))
	}
	return path
}

// parts are the folders in a pick-up folder.
func (p *Pickup) parts() []string { return []string{PendingFolder, p.Done, p.Failed} }

// usable reports why files cannot be taken from the folder and moved in it.
func (p *Pickup) usable() error {
	if err := usable(p.Dir); err != nil {
		return err
	}
	around, err := os.Stat(p.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it will be made
	}
	if err != nil {
		return err
	}
	if err := syscall.Access(p.Dir, 4); err != nil { // read
		return fmt.Errorf("%s: %w", p.Dir, err)
	}
	for _, name := range p.parts() {
		if err := p.partUsable(name, around); err != nil {
			return err
		}
	}
	return nil
}

// partUsable checks one of the parts. Between file systems a file cannot be moved in one step.
func (p *Pickup) partUsable(name string, around fs.FileInfo) error {
	part := filepath.Join(p.Dir, name)
	info, err := os.Lstat(part)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", part)
	case deviceOf(info) != deviceOf(around):
		return fmt.Errorf("%s is on another file system than %s", part, p.Dir)
	}
	return usable(part)
}

func deviceOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev)
	}
	return 0
}

// Permissions of a pick-up folder and its parts, within the umask: the group of C1 puts files into it and reads what
// became of them.
const (
	pickupMode     = 0o770
	pickupPartMode = 0o750
)

// make makes the folder and its parts, and tries to move a file through them.
func (p *Pickup) make() error {
	if err := durable.MkdirAll(p.Dir, pickupMode); err != nil {
		return err
	}
	for _, name := range p.parts() {
		if err := durable.MkdirAll(filepath.Join(p.Dir, name), pickupPartMode); err != nil {
			return err
		}
	}
	if err := p.usable(); err != nil {
		return err
	}
	probe, err := os.CreateTemp(p.Dir, ".ravn-probe-*.tmp")
	if err != nil {
		return err
	}
	name := probe.Name()
	if err := probe.Close(); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	for _, part := range p.parts() {
		next := filepath.Join(p.Dir, part, filepath.Base(name))
		if err := os.Rename(name, next); err != nil {
			return errors.Join(err, os.Remove(name))
		}
		name = next
	}
	return os.Remove(name)
}

// identity tells apart what make makes.
func (p *Pickup) identity() string { return strings.Join(append(p.parts(), p.Dir), "\x00") }

// CheckPickups says whether MakeNew can make and use the pick-up folders, without making anything.
func (c *Config) CheckPickups() error {
	var all []error
	for _, p := range c.Pickups() {
		if err := p.usable(); p.Dir != "" && err != nil {
			all = append(all, c.Fault(fault.FolderUnusable, err, p.Key, "%s", p.Dir))
		}
	}
	return errors.Join(all...)
}
