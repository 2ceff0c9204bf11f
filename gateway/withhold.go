package gateway

import (
	"slices"
	"strings"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/signing"
)

// What may be secret is withheld from records on purpose. For an operation of the catalog that is what the catalog marks, and parameters
// of the query that the billing API does not know. What calls of a declared endpoint carry is known to the operator alone: it is all of
// the query and the body. No plain hash stands for it, from which a short secret could be searched, but one under the log's hash key.

// recordedPath returns what a record has of a path. A parameter of a sensitive endpoint may be the secret.
func recordedPath(o *catalog.Operation, path string) string {
	if isDeclared(o) && o.Sensitive {
		return o.Path
	}
	return signing.CanonicalPath(path)
}

func isDeclared(o *catalog.Operation) bool { return o.Site == "" }

// describeUnmatched adds the path of a call that matched no operation, but where it may be that of a sensitive endpoint, called amiss.
func (c *call) describeUnmatched(r *logfile.Record) {
	r.QueryBytes = int64(len(c.rawQuery))
	switch {
	case !strings.HasPrefix(c.rawPath, "/"):
	case c.listener.hasSensitive():
		r.PathBytes = int64(len(c.rawPath))
	default:
		r.Path = c.rawPath[:min(len(c.rawPath), maxPath)]
	}
}

// hasSensitive reports whether the listener may have sensitive endpoints. A listener without routes has left the plan, so that its
// endpoints are not known.
func (l *Listener) hasSensitive() bool {
	if len(l.Routes) == 0 {
		return true
	}
	for i := range l.Routes {
		for o := range l.Routes[i].Upstreams {
			if isDeclared(o) && o.Sensitive {
				return true
			}
		}
	}
	return false
}

// setQuery adds the query, without what is withheld of it.
func setQuery(r *logfile.Record, o *catalog.Operation, query signing.Query) {
	text := query.Canonical()
	if o.Sensitive {
		r.QueryBytes = int64(len(text))
		return
	}
	if !withholdsOf(o, query) {
		r.Query = text
		return
	}
	r.QueryBytes = int64(len(text))
	r.Query, r.QueryWithheld = withhold(o, text)
}

// withholdsOf reports whether the record of a call has not all of its query.
func withholdsOf(o *catalog.Operation, query signing.Query) bool {
	for name := range query.All() {
		if o.Sensitive || !recordsPair(o, name) {
			return true
		}
	}
	return false
}

// withholds reports whether the record of the call has not all that its upstream got, and so could quote.
func (c *call) withholds() bool {
	return withholdsOf(c.operation, c.query) || isDeclared(c.operation) && c.bodyHash != signing.EmptyHash
}

// recordsPair reports whether the value of a parameter of the query is recorded.
func recordsPair(o *catalog.Operation, name string) bool {
	if !isDeclared(o) {
		return catalog.KnowsQuery(name)
	}
	return o.RecordQuery && !isSecretName(name)
}

// secretWords mark names of query parameters whose values are never recorded.
var secretWords = [...]string{
	"password", "passwd", "pwd", "secret", "token", "authorization", "signature", "credential", "session", "api_key", "apikey", "access_key", "accesskey",
}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords[:], func(word string) bool { return strings.Contains(name, word) })
}

func namesSecret(query signing.Query) bool {
	for name := range query.All() {
		if isSecretName(name) {
			return true
		}
	}
	return false
}

// withhold divides a canonical query into what is recorded, and names and lengths of the rest.
func withhold(o *catalog.Operation, canonical string) (recorded string, withheld []logfile.Withheld) {
	var rest logfile.Withheld
	var kept []string
	for pair := range strings.SplitSeq(canonical, "&") {
		escaped, value, _ := strings.Cut(pair, "=")
		name, length := unescaped(escaped), unescapedLen(value)
		switch {
		case recordsPair(o, name):
			kept = append(kept, pair)
		case isPlainName(name) && length > 0 && len(withheld) < logfile.MaxWithheld-1:
			withheld = append(withheld, logfile.Withheld{Name: name, Bytes: length})
		default: // what has no value, or an odd name, may be the secret itself
			rest.Pairs, rest.Bytes = rest.Pairs+1, rest.Bytes+unescapedLen(escaped)+length
		}
	}
	if rest.Pairs > 0 {
		withheld = append(withheld, rest)
	}
	return strings.Join(kept, "&"), withheld
}

// allOf joins entries into one without a name.
func allOf(withheld []logfile.Withheld) (all logfile.Withheld) {
	for _, w := range withheld {
		all.Pairs, all.Bytes = all.Pairs+max(w.Pairs, 1), all.Bytes+int64(len(w.Name))+w.Bytes
	}
	return all
}

// isPlainName reports whether a name looks like that of a parameter, and not like a value.
func isPlainName(name string) bool {
	return name != "" && len(name) <= 64 && plainName(name) && (name[0] < '0' || name[0] > '9')
}

func unescaped(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	query, err := signing.ParseQuery(text)
	if err != nil {
		return "" // never: it is canonical
	}
	for name := range query.All() {
		return name
	}
	return ""
}

// unescapedLen returns how long a text is without its escapes of three bytes.
func unescapedLen(text string) int64 { return int64(len(text) - 2*strings.Count(text, "%")) }

// setMACs adds keyed hashes of path and query, where the record has not all of them and no plain hash says so. A sensitive operation has
// neither.
func (c *call) setMACs(r *logfile.Record) {
	declared, query := isDeclared(c.operation), c.query.Canonical()
	if c.operation.Sensitive {
		return
	}
	if declared && len(r.Path) > logfile.MaxText {
		r.PathBytes, r.PathMAC, r.MACKey = int64(len(r.Path)), c.MAC.Text(r.Path), c.MAC.ID()
	}
	if len(r.QueryWithheld) > 0 || declared && len(query) > logfile.MaxText {
		r.QueryBytes, r.QueryMAC, r.MACKey = int64(len(query)), c.MAC.Text(query), c.MAC.ID()
	}
}

// hashOf returns the hash of a body as the record has it: plain for the catalog's operations, keyed for declared endpoints, none for
// sensitive ones.
func (c *call) hashOf(r *logfile.Record, hash string) (plain, keyed string) {
	switch {
	case c.operation.Sensitive || hash == "":
		return "", ""
	case !isDeclared(c.operation):
		return hash, ""
	}
	r.MACKey = c.MAC.ID()
	return "", c.MAC.Of(hash)
}
