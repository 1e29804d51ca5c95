package config

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// place is where a key stands in the file.
type place struct {
	line int
	kind ast.NodeType // of its value
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
		places[path] = place{key.Position.Line, n.Value.Type()}
		note(places, n.Value, path)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			at := fmt.Sprintf("%s[%d]", path, i)
			places[at] = place{v.GetToken().Position.Line, v.Type()}
			note(places, v, at)
		}
	}
}

// given reports whether the file gives the key a value: "in_flight:" alone does not.
func (c *Config) given(path string) bool {
	p, ok := c.places[path]
	return ok && p.kind != ast.NullType
}

// where says where a key was set, "" for nowhere.
func (c *Config) where(path string) string {
	if name, ok := c.env[path]; ok {
		return " (" + name + ")"
	}
	if p, ok := c.places[path]; ok {
		return fmt.Sprintf(" (line %d)", p.line)
	}
	return ""
}
