package gateway

import (
	"errors"

	"tollgate/audit"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/signing"
)

// Asked is what a call asks for, as far as its record and its grant depend on it.
type Asked struct {
	Operation *catalog.Operation
	Method    string
	Path      string // decoded
	Params    catalog.Params
	Query     signing.Query
	Body      []byte
	Account   string // of ReadAccount
}

// Facts are what a call is about.
type Facts struct {
	bss.Request
	Account  string        // Asked.Account
	recorded []audit.Field // Request.Fields and the account, as a record has them
}

// ReadFacts reads what a call is about. It refuses bodies and queries that two readers could take for different things and,
// where the operation does more than read, amounts that are no numbers and what the audit log cannot hold whole: in a sum they
// would be missing, and in the log there would be no proof of them. With such a refusal the facts are returned as well.
func ReadFacts(a *Asked) (Facts, *Refusal) {
	read, err := bss.ReadRequest(a.Operation, a.Params.Get, a.Query.All(), a.Body)
	facts := Facts{read, a.Account, fields(read.Fields)}
	if a.Account != "" {
		facts.recorded = append(facts.recorded, audit.Field{Name: accountHeader, Kind: string(catalog.FieldOther), Values: []string{a.Account}})
	}
	if bad, ok := errors.AsType[*bss.BodyError](err); ok && bad.Amount {
		return facts, refusal(badAmount, "%v", err)
	}
	if err != nil {
		return facts, refusal(badBody, "%v", err)
	}
	if a.Operation.Effect == catalog.Read {
		return facts, nil
	}
	if refusal := checkAmounts(facts.Fields); refusal != nil {
		return facts, refusal
	}
	return facts, a.checkLength(facts.recorded)
}

func checkAmounts(fields []bss.Value) *Refusal {
	for i := range fields {
		if fields[i].Unsummed > 0 {
			return refusal(badAmount, "%s must be a plain decimal number, such as 99.90: sign, digits, point and exponent (of at most 40), "+
				"without blanks, separators of thousands or a unit, of at most 64 bytes", fields[i].Name)
		}
	}
	return nil
}

// checkLength refuses what a record does not hold whole. The query of an operation of the catalog is one of those things where it
// names a secret, which no such operation takes there: it is recorded by its length alone.
func (a *Asked) checkLength(fields []audit.Field) *Refusal {
	if a.Operation.Site != "" && !a.Operation.Sensitive && namesSecret(a.Query) {
		return refusal(notRecordable, "the query names a secret, which the audit log does not hold, and a call of effect %s must be recorded whole: "+
			"leave it out, %s takes none there", a.Operation.Effect, a.Operation.Name)
	}
	r := audit.Record{Method: a.Method, Path: signing.CanonicalPath(a.Path), Fields: fields}
	setQuery(&r, a.Operation, a.Query)
	over := r.Overlong()
	if over == "" {
		return nil
	}
	return refusal(notRecordable, "%s is too long for the audit log, which must hold a call of effect %s whole: of a field 100 values of 1 KiB each, "+
		"of method, path and query 16 KiB each, as they are sent, and of all together 48 KiB", over, a.Operation.Effect)
}
