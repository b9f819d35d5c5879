import Testing

@testable import Laboratory

@Test func anErrorSaysAllThatIsWrong() {
    let error = LaboratoryError(.invalid, ["spec.repeat: must be at least 1", "spec.vary: required"])
    #expect("\(error)" == "spec.repeat: must be at least 1\nspec.vary: required")
}
