package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// place is where a key stands in the file.
type place struct {
	line int
	kind ast.NodeType // of its value
	text string       // of its value if it is a single one; never shown, it may be a secret
}

// placesOf returns the place of each key of a file, by its path: as4.listen, keys[0].p12. A text that is no YAML has
// none.
func placesOf(text []byte) map[string]place {
	places := map[string]place{}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return places
	}
	for _, doc := range file.Docs {
		note(places, doc.Body, "")
	}
	return places
}

// note adds the keys below a node.
func note(places map[string]place, n ast.Node, path string) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			note(places, v, path)
		}
	case *ast.MappingValueNode:
		key := n.Key.GetToken()
		if path != "" {
			path += "."
		}
		path += key.Value
		places[path] = place{key.Position.Line, n.Value.Type(), n.Value.GetToken().Value}
		note(places, n.Value, path)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			at := fmt.Sprintf("%s[%d]", path, i)
			places[at] = place{v.GetToken().Position.Line, v.Type(), v.GetToken().Value}
			note(places, v, at)
		}
	}
}

// given reports whether the file gives the key a value: "in_flight:" alone does not.
func (c *Config) given(path string) bool {
	p, ok := c.places[path]
	return ok && p.kind != ast.NullType
}

// Where says where a key was set, in brackets after a blank, "" for nowhere.
func (c *Config) Where(path string) string {
	if name, ok := c.env[path]; ok {
		return " (" + name + ")"
	}
	if p, ok := c.places[path]; ok {
		return fmt.Sprintf(" (line %d)", p.line)
	}
	return ""
}

// unreadable says in plain words, and with the line, why the text cannot be read. A value is not quoted: it may be a
// secret.
func (c *Config) unreadable(err error) error {
	var at yaml.Error
	if !errors.As(err, &at) {
		return c.badDuration(err)
	}
	pos := at.GetToken().Position
	return fmt.Errorf("line %d column %d: %s", pos.Line, pos.Column, plainWords(at))
}

// plainWords says what an error of the decoder means.
func plainWords(err yaml.Error) string {
	var typ *yaml.TypeError
	var large *yaml.OverflowError
	var node *yaml.UnexpectedNodeTypeError
	var unknown *yaml.UnknownFieldError
	switch {
	case errors.As(err, &large):
		return "the number is too large"
	case errors.As(err, &typ):
		return "want " + kindName(typ.DstType.Kind())
	case errors.As(err, &node) && node.Expected == ast.SequenceType:
		return "want a list"
	case errors.As(err, &node):
		return "want keys with values"
	case errors.As(err, &unknown):
		return err.GetMessage() + ": no key has this name here"
	}
	return err.GetMessage()
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "keys with values"
	}
	return "a text"
}

// badDuration finds the duration that the decoder has refused without saying which one it is.
func (c *Config) badDuration(err error) error {
	_ = walk(reflect.ValueOf(c).Elem(), "", func(f field) error { // visit never fails here
		p, ok := c.places[f.path]
		if f.value.Type() != durationType || !ok {
			return nil
		}
		if bad := new(Duration).UnmarshalText([]byte(p.text)); bad != nil && p.kind != ast.NullType {
			err = fmt.Errorf("%s%s: %w", f.path, c.Where(f.path), bad)
		}
		return nil
	})
	for path, p := range c.places { // those of a list
		list := strings.HasPrefix(path, "send.plans[") && strings.HasSuffix(path, ".give_up_after")
		if bad := new(Duration).UnmarshalText([]byte(p.text)); list && bad != nil && p.kind != ast.NullType {
			err = fmt.Errorf("%s%s: %w", path, c.Where(path), bad)
		}
	}
	return err
}
