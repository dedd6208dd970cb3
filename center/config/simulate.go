package config

import (
	"fmt"
	"strings"

	"github.com/godwit-sms/smpp/center/handset"
	"go.yaml.in/yaml/v4"
)

// simulated reads a profile of the simulated handset: its text, or a mapping of
// profile and the settings, of which the shares may be lists.
func simulated(s *string) value {
	v := value{form: "the name of a profile, with settings after a colon, or a mapping of profile and settings", get: func() any { return *s }}
	v.read = func(r *reader, path string, n *yaml.Node) {
		switch n.Kind {
		case yaml.ScalarNode:
			if _, err := handset.ParseProfile(n.Value); err != nil {
				r.refuse(&v, n, path, err)
				return
			}
			*s = n.Value
		case yaml.MappingNode:
			p, ok := readProfile(r, path, n)
			if !ok {
				return
			}
			if err := p.Check(); err != nil {
				r.fail(n, path, "", err.Error())
				return
			}
			*s = p.String()
		default:
			r.refuse(&v, n, path, nil)
		}
	}
	return v
}

// readProfile reads the mapping.
func readProfile(r *reader, path string, n *yaml.Node) (p handset.Profile, ok bool) {
	const name = "profile"
	ok = true
	fail := func(n *yaml.Node, key, rule string) {
		r.fail(n, path+"."+key, "", rule)
		ok = false
	}
	known := make(map[string]bool)
	names := []string{name}
	for _, s := range handset.Settings() {
		known[s.Name] = true
		names = append(names, s.Name)
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, at := n.Content[i].Value, deref(n.Content[i+1])
		switch {
		case n.Content[i].Kind != yaml.ScalarNode || key != name && !known[key]:
			fail(n.Content[i], key, "there is no such key; allowed: "+strings.Join(names, ", "))
			continue
		case seen[key] > 0:
			fail(n.Content[i], key, fmt.Sprintf("it is there twice, the first time on line %d", seen[key]))
			continue
		}
		seen[key] = n.Content[i].Line
		values := []*yaml.Node{at}
		if at.Kind == yaml.SequenceNode && handset.Repeats(key) {
			values = at.Content
		}
		for _, v := range values {
			v = deref(v)
			switch {
			case v.Kind != yaml.ScalarNode:
				fail(v, key, "a value is required")
			case key == name:
				p.Name = v.Value
			case key == "keywords" && v.Tag == "!!bool": // on and off are that in YAML 1.1
				p.IgnoreKeywords = v.Value == "false" || v.Value == "off"
			default:
				if err := p.Set(key, v.Value); err != nil {
					fail(v, key, strings.TrimPrefix(err.Error(), key+" "))
				}
			}
		}
	}
	return p, ok
}
