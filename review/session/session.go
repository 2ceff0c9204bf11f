// Package session knows who looks at pages.
package session

// Role is what a person may do.
type Role string

// The roles. A reviewer may do what a viewer may.
const (
	Viewer   Role = "viewer"
	Reviewer Role = "reviewer"
)

// Person is one who is signed in.
type Person struct {
	Name  string
	Roles []Role
}
