package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/ravn-ap/ravn/internal/fault"
)

// needRestart are the keys that a running server cannot change (OPS-122).
var needRestart = [...]string{"environment", "data", "database", "as4.listen", "as4.plain", "ops.listen", "ops.public"}

// Keep gives the keys that need a restart the values that old has for them, and returns those that would have changed.
func (c *Config) Keep(old *Config) (kept []string) {
	before := old.values()
	_ = c.each(func(f field) error {
		if was := before[f.path]; slices.Contains(needRestart[:], f.path) && !was.value.Equal(f.value) {
			f.value.Set(was.value)
			kept = append(kept, f.path)
		}
		return nil
	})
	return kept
}

// MakeNew makes the folders for documents and news that c names and old does not. One that both name is not made: if it
// is gone its disk may not be mounted, and what uses it says so.
func (c *Config) MakeNew(old *Config) error {
	known := map[string]bool{"": true, old.Path(old.Notify.Folder): true}
	for _, t := range old.Targets() {
		known[t.Dir] = true
	}
	for _, p := range old.Pickups() {
		known[p.identity()] = true
	}
	var all []error
	note := func(err error, key, dir string) {
		if err != nil {
			all = append(all, c.Fault(fault.FolderUnusable, err, key, "%s", dir))
		}
	}
	if dir := c.Path(c.Notify.Folder); !known[dir] {
		note(makeFolder(dir, 0o750), "notify.folder", dir)
	}
	for _, t := range c.Targets() {
		if !known[t.Dir] {
			note(makeFolder(t.Dir, 0o750), t.Key, t.Dir)
		}
	}
	for _, p := range c.Pickups() {
		if p.Dir != "" && !known[p.identity()] {
			note(p.make(), p.Key, p.Dir)
		}
	}
	return errors.Join(all...)
}

// Changes lists the keys whose values differ from those of old, with the new value, or a hash of it if it is secret or
// a list of several things.
func (c *Config) Changes(old *Config) (list []string) {
	before, now := old.values(), c.values()
	for path, f := range now {
		if !reflect.DeepEqual(f.value.Interface(), before[path].value.Interface()) {
			list = append(list, path+"="+f.shown())
		}
	}
	slices.Sort(list)
	return list
}

// values returns all keys that hold one value or a list, by their path.
func (c *Config) values() map[string]field {
	all := map[string]field{}
	_ = c.each(func(f field) error { all[f.path] = f; return nil })
	return all
}

// each is walk, with lists of several things as well.
func (c *Config) each(visit func(field) error) error {
	return walkAll(reflect.ValueOf(c).Elem(), "", visit)
}

// shown is the value of a key for an audit trail.
func (f field) shown() string {
	plain := f.value.Kind() != reflect.Slice || f.value.Type().Elem().Kind() == reflect.String
	last := f.path[strings.LastIndex(f.path, ".")+1:]
	if plain && !strings.Contains(last, "password") && !strings.Contains(last, "secret") && f.path != "database" {
		return fmt.Sprint(f.value.Interface())
	}
	text, err := yaml.Marshal(f.value.Interface())
	if err != nil {
		return "?"
	}
	sum := sha256.Sum256(text)
	return "#" + hex.EncodeToString(sum[:4])
}
