package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/switchboardhq/switchboard/views/audit"
)

// maxChanges bounds what a page compares, and maxChangeDepth how deep; below that, values are compared as text.
const (
	maxChanges     = 500
	maxChangeDepth = 32
)

// difference compares two JSON objects member by member, each by its path: "retry_policy.interval", "products[0].event_types[2]".
func difference(before, after json.RawMessage) []audit.Change {
	old, now := flatten(before), flatten(after)
	all := maps.Clone(old)
	maps.Copy(all, now)
	names := slices.Sorted(maps.Keys(all))
	list := make([]audit.Change, 0, min(len(names), maxChanges))
	for _, path := range names[:min(len(names), maxChanges)] {
		was, had := old[path]
		is, has := now[path]
		list = append(list, audit.Change{Path: path, Before: was, After: is, HasBefore: had, HasAfter: has, Same: had && has && was == is})
	}
	return list
}

// flatten gives each leaf of a JSON value its path. What is no JSON has none.
func flatten(raw json.RawMessage) map[string]string {
	leaves := map[string]string{}
	if len(raw) == 0 {
		return leaves
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // numbers keep their text
	var value any
	if err := decoder.Decode(&value); err != nil {
		return leaves // the column is jsonb: it cannot happen, and would show no difference
	}
	flattenInto(leaves, "", value, 0)
	return leaves
}

func flattenInto(leaves map[string]string, path string, value any, depth int) {
	if depth >= maxChangeDepth {
		leaves[path] = fmt.Sprint(value)
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			inner := name
			if path != "" {
				inner = path + "." + name
			}
			flattenInto(leaves, inner, member, depth+1)
		}
		if len(v) == 0 && path != "" {
			leaves[path] = "{}"
		}
	case []any:
		for i, member := range v {
			flattenInto(leaves, path+"["+strconv.Itoa(i)+"]", member, depth+1)
		}
		if len(v) == 0 {
			leaves[path] = "[]"
		}
	case string:
		leaves[path] = v
	case nil:
		leaves[path] = "null"
	default:
		leaves[path] = fmt.Sprint(v)
	}
}
