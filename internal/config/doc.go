package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Markdown returns the table of all keys for docs/configuration.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| Key | Environment variable | Default | Allowed | Meaning |\n|---|---|---|---|---|\n")
	_ = walk(reflect.ValueOf(&Config{}).Elem(), "", func(f field) error { // visit never fails here
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", f.path, f.env(), code(f.def), f.allowed(), f.doc)
		return nil
	})
	describe(&b, "keys[].", reflect.TypeFor[Key]())
	describe(&b, "backends[].", reflect.TypeFor[Backend]())
	describe(&b, "routes[].", reflect.TypeFor[Route]())
	describe(&b, "routes[].match.", reflect.TypeFor[RouteMatch]())
	describe(&b, "send.plans[].", reflect.TypeFor[Plan]())
	describe(&b, "submit.folders[].", reflect.TypeFor[PickupFolder]())
	describe(&b, "submit.folders[].defaults.", reflect.TypeFor[PickupDefaults]())
	describe(&b, "alerts.channels[].", reflect.TypeFor[AlertChannel]())
	return b.String()
}

// describe writes the keys of the elements of a list, which no environment variable sets.
func describe(b *strings.Builder, prefix string, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Type.Kind() == reflect.Struct { // it has rows of its own
			continue
		}
		fmt.Fprintf(b, "| `%s%s` | | %s | %s | %s |\n", prefix, name, code(f.Tag.Get("default")), timeRange(name),
			f.Tag.Get("doc"))
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
