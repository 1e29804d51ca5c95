package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
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
