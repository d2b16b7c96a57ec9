package expr

func init() {
	families = func() [][]function {
		return [][]function{
			arithmetic(), comparisons(), logic(), conditionals(), roundings(), mathematics(), bitwise(),
			texts(), searches(), patternsOfText(), hashes(), encodings(), formats(),
			timeFields(), timeSums(), timeCuts(), timeConversions(),
			castFunctions(), structures(), jsonFunctions(), windows(),
			arrays(), arrayPlaces(), sequences(), maps(), higherOrder(), binaries(),
			customerModels(),
		}
	}
}
