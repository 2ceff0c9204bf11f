package spend

// Money is an amount in 1/10,000 of a currency's main unit, or a number of calls.
type Money int64
