package gateway

import (
	"errors"
	"iter"
	"strings"

	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/internal/words"
	"tollgate/signing"
)

// Facts are what a call is about.
type Facts struct {
	bss.Request
	Account  string          // named in a header; empty: none. Recorded where the upstream is signed
	recorded []logfile.Field // Request.Fields and the account, as a record has them
}

// readFacts reads what a call is about. It refuses bodies and queries that two readers could take for different things and,
// where the operation does more than read, amounts that are no numbers and what the audit log cannot hold whole: in a sum they
// would be missing, and in the log there would be no proof of them. With such a refusal the facts are returned as well.
func (a *asked) readFacts(account string) (Facts, *Refusal) {
	read, err := a.parse()
	facts := Facts{read, account, fields(read.Fields)}
	if account != "" {
		facts.recorded = append(facts.recorded, logfile.Field{Name: accountField, Kind: string(catalog.FieldOther), Values: []string{account}})
	}
	if refusal := checkQuery(a.operation, a.query); refusal != nil {
		return facts, refusal
	}
	if bad, ok := errors.AsType[*bss.BodyError](err); ok && bad.Amount {
		return facts, refuse(badAmount, words.Of(err))
	}
	if err != nil {
		return facts, refuse(badBody, words.Of(err))
	}
	if a.operation.Effect == catalog.Read {
		return facts, nil
	}
	if refusal := checkAmounts(facts.Fields); refusal != nil {
		return facts, refusal
	}
	return facts, a.checkLength(facts.recorded)
}

// parse reads path, query and body. A body that is not JSON, or not for every reader, is left out: only the upstream knows which accounts
// are in it.
func (a *asked) parse() (bss.Request, error) {
	opaque := !a.bodyType.JSON && len(a.body) > 0
	body := a.body
	if opaque {
		body = nil
	}
	var query iter.Seq2[string, string]
	if a.query.Canonical() != "" {
		query = a.query.All()
	}
	read, err := bss.ReadRequest(a.operation, a.param(), query, body)
	if opaque && read.Accounts.Ambiguous.IsZero() {
		read.Accounts.Ambiguous = words.Say("error.body.header_type")
	}
	return read, err
}

// param returns a function that looks up a parameter of the path, decoded; "" if there is none.
func (a *asked) param() func(name string) string {
	if a.params.Empty() {
		return noParam
	}
	return a.params.Get
}

func noParam(string) string { return "" }

// checkQuery refuses queries of the catalog's operations that readers sort differently, by UTF-8 or by UTF-16, before escaping or after
// it: the upstream would find the signature wrong. No operation has such names.
func checkQuery(operation *catalog.Operation, query signing.Query) *Refusal {
	if operation.Site == "" {
		return nil
	}
	for name, value := range query.All() {
		if !plainName(name) {
			return refusal(ambiguousQuery, "error.target.query_names", "Operation", operation.Name)
		}
		if strings.ContainsFunc(value, beyondBMP) && occurs(query, name) > 1 {
			return refusal(ambiguousQuery, "error.target.beyond_bmp")
		}
	}
	if !sortedAsJava(query.Canonical()) {
		return refusal(ambiguousQuery, "error.target.order")
	}
	return nil
}

// sortedAsJava reports whether a canonical query is also in the order of the escaped names. Of plain names only "[" and "]" are escaped.
func sortedAsJava(canonical string) bool {
	if !strings.Contains(canonical, "%5") {
		return true
	}
	before := ""
	for pair := range strings.SplitSeq(canonical, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name < before {
			return false
		}
		before = name
	}
	return true
}

func plainName(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("_.-[]", c)
	})
}

func beyondBMP(c rune) bool { return c > 0xFFFF }

func occurs(query signing.Query, name string) (n int) {
	for other := range query.All() {
		if other == name {
			n++
		}
	}
	return n
}

func checkAmounts(fields []bss.Value) *Refusal {
	for i := range fields {
		if fields[i].Unsummed > 0 {
			return refusal(badAmount, "error.facts.amount", "Field", fields[i].Name)
		}
	}
	return nil
}

// checkLength refuses what a record does not hold whole. The query of an operation of the catalog is one of those things where it
// names a secret, which no such operation takes there: it is recorded by its length alone.
func (a *asked) checkLength(fields []logfile.Field) *Refusal {
	if a.operation.Site != "" && !a.operation.Sensitive && namesSecret(a.query) {
		return refusal(notRecordable, "error.facts.secret", "Effect", a.operation.Effect, "Operation", a.operation.Name)
	}
	r := logfile.Record{Method: a.method, Path: recordedPath(a.operation, a.path), Fields: fields}
	if isDeclared(a.operation) || a.operation.Sensitive {
		setQuery(&r, a.operation, a.query)
	} else { // no operation takes a name that is withheld: one that needs that much room is no call that is meant
		r.Query = a.query.Canonical()
	}
	over := r.Overlong()
	if over == "" {
		return nil
	}
	return refusal(notRecordable, "error.facts.long", "Member", over, "Effect", a.operation.Effect)
}
