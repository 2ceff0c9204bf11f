package grants

import (
	"tollgate/catalog"
	"tollgate/internal/nearest"
)

func nearestNames(name string, operations []*catalog.Operation) []string {
	names := make([]string, len(operations))
	for i, o := range operations {
		names[i] = o.Name
	}
	return nearest.Words(name, names)
}
