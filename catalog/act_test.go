package catalog

// actHead is the first line of acts.csv.
const actHead = actColumns + "\n"
