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
	t := reflect.TypeFor[Key]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		fmt.Fprintf(&b, "| `keys[].%s` | | | | %s |\n", name, t.Field(i).Tag.Get("doc"))
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
