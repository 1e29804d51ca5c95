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
	describe(&b, "keys", reflect.TypeFor[Key]())
	describe(&b, "send.plans", reflect.TypeFor[Plan]())
	describe(&b, "alerts.channels", reflect.TypeFor[AlertChannel]())
	return b.String()
}

// describe writes the keys of a list.
func describe(b *strings.Builder, list string, t reflect.Type) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		fmt.Fprintf(b, "| `%s[].%s` | | | | %s |\n", list, name, t.Field(i).Tag.Get("doc"))
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
