extension TrackedRun {
  /// Why no server would take this run, and how to correct it; `nil` if nothing is known against it.
  public var problem: String? {
    if let problem = Self.problem(experiment: experiment) { return problem }
    var paths: Set<String> = []
    for artifact in artifacts {
      if let problem = Self.problem(artifactPath: artifact.path) { return problem }
      if !paths.insert(artifact.path).inserted { return "there are two artifacts \"\(artifact.path)\": give one of them another path" }
    }
    return registration.flatMap(problem)
  }

  private func problem(_ registration: Registration) -> String? {
    if let problem = Self.problem(model: registration.model) ?? registration.alias.flatMap(Self.problem(alias:)) { return problem }
    let path = registration.artifactPath
    guard artifacts.contains(where: { $0.path == path || $0.path.hasPrefix(path + "/") }) else {
      return "the model is to be \"\(path)\", which is neither an artifact of the run nor a folder of them"
    }
    return nil
  }

  /// Why an experiment cannot have this name, and which it could have; `nil` if it can.
  public static func problem(experiment: String) -> String? {
    guard experiment.contains(where: { !$0.isWhitespace }) else { return "the experiment has no name: give it one" }
    guard experiment.unicodeScalars.count > 500 else { return nil }
    return "the name of the experiment has more than 500 characters: shorten it"
  }

  /// Why a registered model cannot have this name, and which it could have; `nil` if it can.
  public static func problem(model: String) -> String? {
    guard model.contains(where: { !$0.isWhitespace }) else { return "the registered model has no name: give it one" }
    if model == "." || model == ".." || model.contains(where: { $0 == "/" || $0 == ":" }) {
      return "a registered model cannot be named \"\(model)\": use a name without '/' and ':', such as shop-als"
    }
    return model.unicodeScalars.count > 250 ? "the name of the registered model has more than 250 characters: shorten it" : nil
  }

  /// Why a version of a model cannot have this alias, and which it could have; `nil` if it can.
  public static func problem(alias: String) -> String? {
    let letters = Array(alias.lowercased().utf8)
    if letters.elementsEqual("latest".utf8) { return "MLflow reserves the alias \"\(alias)\": use another word, such as champion" }
    if letters.first == UInt8(ascii: "v"), letters.count > 1, letters.dropFirst().allSatisfy({ 0x30...0x39 ~= $0 }) {
      return "MLflow reserves the alias \"\(alias)\" for the number of a version: use another word, such as champion"
    }
    let isWord =
      !letters.isEmpty && letters.count <= 255
      && letters.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
      }
    return isWord ? nil : "\"\(alias.prefix(80))\" is no alias: use letters, digits, '_' and '-', such as champion"
  }

  /// Why an artifact cannot stand there, and how to correct it; `nil` if it can.
  public static func problem(artifactPath path: String) -> String? {
    let segments = path.split(separator: "/", omittingEmptySubsequences: false)
    guard segments.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
      return "the path \"\(path)\" of an artifact has an empty part, '.' or '..': write it like model/factors.npz"
    }
    // MLflow decodes a path until nothing changes, so it would read `%41` as `A`.
    let isPlain = path.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && !"#%\\:?*\"<>|".unicodeScalars.contains($0) }
    guard !isPlain else { return nil }
    let shown = path.filter { !$0.isNewline }
    return "the path \"\(shown)\" of an artifact has a character that MLflow refuses: use letters, digits, '.', '_' and '-'"
  }
}
