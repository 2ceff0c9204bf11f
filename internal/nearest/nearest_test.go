package nearest

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	known := []string{"PayOrders", "ListOrders", "listeners", "limits", "hosts"}
	for word, want := range map[string][]string{
		"PayOrder":  {"PayOrders"},
		"payorders": {"PayOrders"},
		"listner":   {"listeners"},
		"limit":     {"limits"},
		"zzzzzz":    nil,
	} {
		if got := Words(word, known); !slices.Equal(got, want) {
			t.Errorf("Words(%q) = %v, want %v", word, got, want)
		}
	}
}
