package spend

// Cap is the definition of a cap in force.
type Cap struct {
	Name string
	Hard bool
}
