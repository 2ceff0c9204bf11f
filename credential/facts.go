package credential

import (
	"fmt"
	"slices"

	"tollgate/catalog"
)

// Facts are what a credential is without its keys: what decisions about it need.
type Facts struct {
	Name     string
	Upstream string         // the one upstream whose calls it signs
	Class    catalog.Class  // ClassPartner or ClassCustomer
	Kinds    []catalog.Kind // narrower kinds that the account has
	// DomainID is the account id: sent with each call and demanded of every {domain_id} in a path that is not a customer's. Optional.
	DomainID string
	// PartnerID is the partner's account id, if it is not the DomainID: see [Facts.Partner].
	PartnerID string
}

// Partner returns the id that is demanded of every {partner_id} in a path; empty if there is none.
func (f *Facts) Partner() string {
	if f.PartnerID == "" && f.Class == catalog.ClassPartner {
		return f.DomainID
	}
	return f.PartnerID
}

// Equal reports whether two credentials are the same but for their keys.
func (f *Facts) Equal(other *Facts) bool {
	return f.Name == other.Name && f.Upstream == other.Upstream && f.Class == other.Class && slices.Equal(f.Kinds, other.Kinds) &&
		f.DomainID == other.DomainID && f.PartnerID == other.PartnerID
}

// ClassError says why a credential must not sign an operation.
type ClassError struct {
	Credential string
	Class      catalog.Class
	Operation  string
	Wants      string
}

func (e *ClassError) Error() string {
	return fmt.Sprintf("credential %s is of class %s, but %s takes %s", e.Credential, e.Class, e.Operation, e.Wants)
}

// Permits checks that the credential may sign the operation: its class, and the narrower kind where one is asked for.
// An operation of unknown class is permitted to both classes here; that a person has confirmed it is checked where the
// grant is read. The error is a *[ClassError].
func (f *Facts) Permits(operation *catalog.Operation) error {
	if !f.has(operation) {
		return &ClassError{f.Name, f.Class, operation.Name, wanted(operation)}
	}
	return nil
}

func (f *Facts) has(operation *catalog.Operation) bool {
	switch operation.Class {
	case catalog.ClassPartner, catalog.ClassCustomer:
		if f.Class != operation.Class {
			return false
		}
	case catalog.ClassEither, catalog.ClassUnknown:
	default: // an unsigned endpoint takes no credential
		return false
	}
	return operation.Kind == catalog.KindAny || slices.Contains(f.Kinds, operation.Kind)
}

func wanted(operation *catalog.Operation) string {
	switch {
	case operation.Class == catalog.ClassNone:
		return "no credential"
	case operation.Kind != catalog.KindAny:
		return fmt.Sprintf("%s credentials of kind %s only", operation.Class, operation.Kind)
	default:
		return fmt.Sprintf("%s credentials only", operation.Class)
	}
}
