package admin

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// otherCallers is the label of callers that have none of their own. No caller can have this name.
const otherCallers = "(other)"

// Follow takes the callers of a configuration, and how many of them have a label of their own: first those that had one, then by name. The
// series of labels that are no more are removed, and what was remembered of calls is forgotten, so that reloads cannot make them many.
func (m *Metrics) Follow(callers []string, most int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	chosen := slices.SortedFunc(slices.Values(callers), func(a, b string) int {
		return cmp.Or(-cmp.Compare(flag(m.callers[a]), flag(m.callers[b])), cmp.Compare(a, b))
	})
	labels := map[string]bool{}
	for _, name := range chosen[:min(most, len(chosen))] {
		labels[name] = true
	}
	m.series = map[labelsOfCall]*series{} // those of callers without a label may be gone as well
	for name := range m.callers {
		if !labels[name] {
			m.calls.DeletePartialMatch(prometheus.Labels{"caller": name})
			m.refusals.DeletePartialMatch(prometheus.Labels{"caller": name})
		}
	}
	m.callers = labels
}

// CallerLabel returns how series name a caller.
func (m *Metrics) CallerLabel(name string) string {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	return m.callerLabel(name)
}

// callerLabel is CallerLabel. What is no caller, none at all and the gateway itself, has its own label. mutex is held.
func (m *Metrics) callerLabel(name string) string {
	if name == "" || name[0] == '(' || m.callers[name] {
		return name
	}
	return otherCallers
}
