package spark

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Spark reads its spec with PyYAML, which resolves plain scalars by YAML 1.1: `on` is a boolean,
// 1:30 a number, 2026-01-01 a date. The patterns are those of the YAML 1.1 type repository
// (https://yaml.org/type/) as far as PyYAML takes them.
func readScalars() scalars {
	s := scalars{
		{name: "nothing", pattern: `~|null|Null|NULL|`},
		{name: "a boolean", pattern: `yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF`},
		{name: "a number", pattern: `[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+`},
		{name: "a number", pattern: `[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)`},
		{name: "a date", pattern: `[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?`},
	}
	for i := range s {
		s[i].is = regexp.MustCompile(`^(?:` + s[i].pattern + `)$`)
	}
	return s
}

// scalars is the plain scalars that are no strings.
type scalars []plainType

type plainType struct {
	name, pattern string
	is            *regexp.Regexp
}

// plainName is what a plain scalar is to Spark if it is no string; "" for a string.
func (s scalars) plainName(value string) string {
	for _, t := range s {
		if t.is.MatchString(value) {
			return t.name
		}
	}
	return ""
}

// isString reports whether Spark takes a scalar as a string.
func (s scalars) isString(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return false
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return n.Tag == "!!str"
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return true
	}
	return s.plainName(n.Value) == ""
}

func (s scalars) isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && !s.isString(n) && s.plainName(n.Value) == "nothing"
}

// kindName is what a node is, for messages.
func (s scalars) kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if s.isString(n) {
			return "a string"
		}
		if name := s.plainName(n.Value); name != "" && n.Style&yaml.TaggedStyle == 0 {
			return name
		}
		return "a value of type " + strings.TrimPrefix(n.Tag, "!!")
	}
	return "nothing"
}

// follow is the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil && n.Alias != n {
		n = n.Alias
	}
	return n
}

func pos(n *yaml.Node) Pos { return Pos{max(n.Line, 1), max(n.Column, 1)} }
