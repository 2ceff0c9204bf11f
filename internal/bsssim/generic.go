package bsssim

import (
	_ "embed"
	"encoding/json"
	"maps"

	"tollgate/catalog"
)

// answers.json holds, for each operation whose answer has members, their names with empty values: lists without rows,
// counts of 0. The names are those of the response models of the provider's Go SDK v0.1.207 (bss/v2, bssintl/v2); ListResourceSpecsPrice,
// which it lacks, has those of ListResourceSpecs.
//
//go:embed answers.json
var answersJSON []byte

func loadShapes() map[string]map[string]any {
	var shapes map[string]map[string]any
	if err := json.Unmarshal(answersJSON, &shapes); err != nil {
		panic("bsssim: answers.json: " + err.Error()) // part of the binary
	}
	return shapes
}

// emptyAnswer is the legal answer of an operation that has no state here.
func (s *Server) emptyAnswer(o *catalog.Operation) answer {
	if o.CodeAlways && o.Effect == catalog.Read {
		return emptyList1()
	}
	if o.CodeAlways {
		return ok1(nil)
	}
	if shape, known := s.shapes[o.Name]; known {
		return ok(object(maps.Clone(shape)))
	}
	if o.Effect == catalog.Read {
		return ok(object{"total_count": 0})
	}
	return done()
}
