package config

import (
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// Bound is the lowest and the highest allowed value of a key. Durations are in nanoseconds.
type Bound struct{ Min, Max int64 }

// bounds has every number and duration of the configuration (a test makes sure of that). Other values are refused: with
// a negative number of places, for example, every message would be dropped.
var bounds = map[string]Bound{
	"as4.max_bytes":              {1 << 20, 2 << 30}, // D-13
	"as4.max_expanded_bytes":     {1 << 20, 64 << 30},
	"as4.in_flight":              {1, 4096},
	"as4.connections":            {8, 65536},
	"as4.connections_per_source": {1, 65536},
	"as4.spool_bytes":            {0, 1 << 42},
	"deliver.lease":              {int64(time.Second), int64(time.Hour)},
	"validation.room_bytes":      {16 << 20, 1 << 40},
	// below the time that the queue allows for a delivery
	"alerts.close_after":             {int64(time.Minute), int64(time.Hour)},
	"alerts.not_ready.after":         {0, int64(time.Hour)},
	"alerts.disk.warn":               {1, 100},
	"alerts.disk.page":               {1, 100},
	"alerts.send_failed.percent":     {0, 100},
	"alerts.send_failed.of":          {1, 1_000_000},
	"alerts.send_delayed.warn":       {int64(time.Minute), int64(7 * 24 * time.Hour)},
	"alerts.send_delayed.page":       {int64(time.Minute), int64(7 * 24 * time.Hour)},
	"alerts.peer_down.after":         {0, int64(7 * 24 * time.Hour)},
	"alerts.peer_down.waiting":       {0, 1000},
	"alerts.smp_down.after":          {0, int64(7 * 24 * time.Hour)},
	"alerts.receive_errors.refusals": {1, 1_000_000},
	"alerts.receive_errors.percent":  {0, 100},
	"alerts.delivery_delayed.warn":   {int64(time.Minute), int64(7 * 24 * time.Hour)},
	"alerts.delivery_delayed.page":   {int64(time.Minute), int64(7 * 24 * time.Hour)},
	"alerts.clock.offset":            {int64(time.Millisecond), int64(time.Hour)},
	"alerts.clock.jump":              {int64(time.Millisecond), int64(time.Hour)},
	"validation.timeout":             {int64(time.Second), int64(8 * time.Minute)},
	"send.hold":                      {0, int64(30 * 24 * time.Hour)},
	"send.give_up_after":             {int64(time.Minute), int64(30 * 24 * time.Hour)},
	"send.workers":                   {1, 256},
	"send.per_access_point":          {1, 256},

	"send.rate_per_access_point": {0, 1000},

	"send.timeout": {int64(time.Second), int64(14 * time.Minute)}, // below the lease of an attempt
}

// BoundOf returns the bound of a key.
func BoundOf(path string) (Bound, bool) {
	b, ok := bounds[path]
	return b, ok
}

var durationType = reflect.TypeFor[Duration]()

// number returns the value of a key that is a number or a duration.
func (f field) number() (int64, bool) {
	switch f.value.Kind() {
	case reflect.Int, reflect.Int64:
		return f.value.Int(), true
	}
	return 0, false
}

// written is a value of the key in the form of the file.
func (f field) written(n int64) string {
	if f.value.Type() == durationType {
		return shortDuration(time.Duration(n))
	}
	return strconv.FormatInt(n, 10)
}

// shortDuration leaves out zero units: 14m instead of 14m0s.
func shortDuration(d time.Duration) string {
	switch {
	case d != 0 && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d != 0 && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// allowed is the range of the key for the documentation, "" if the key is not a number.
func (f field) allowed() string {
	b, ok := bounds[f.path]
	if !ok {
		return ""
	}
	return f.written(b.Min) + " to " + f.written(b.Max)
}

// checkBounds refuses numbers and durations out of bounds.
func (c *Config) checkBounds(bad complain) {
	_ = walk(reflect.ValueOf(c).Elem(), "", func(f field) error { // visit never fails here
		b := bounds[f.path]
		if n, ok := f.number(); ok && (n < b.Min || n > b.Max) {
			bad(f.path, "want %s, have %s", f.allowed(), f.written(n))
		}
		return nil
	})
}
