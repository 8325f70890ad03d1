import Foundation
import StreamingRecommender

/// The grid of settings that a search tries.
public struct TuningGrid: Sendable, Equatable {
  /// A configuration key and its values; adjacent values are neighbours in the search.
  public struct Axis: Sendable, Equatable {
    public let key: String
    /// Values as for `--set`; numbers are ascending.
    public let values: [String]
  }

  /// A point of the grid: an index per axis.
  public typealias Point = [Int]

  /// Sorted by key.
  public private(set) var axes: [Axis]
  /// The numbers of iterations after which a training is evaluated, ascending; a longer training passes through the shorter ones.
  public private(set) var iterations: [Int]
  /// Whether the numbers of iterations are from the grid and not from the configuration.
  private var hasIterations = true

  static let iterationsKey = "model.iterations"
  /// Alternative forms of the same setting; a configuration uses only one of them.
  private static let (alphaKey, unobservedWeightKey) = ("model.alpha", "model.unobserved_weight")

  /// The keys that a static training uses.
  public static let keys = [
    "model.alpha", "model.cg_steps", "model.factors", iterationsKey, "model.regularization", "model.regularization_exponent",
    "model.solver", "model.unobserved_weight",
  ]

  /// Values around the engine's defaults, covering the settings published for iALS (README of google-research/ials).
  public static let standard = TuningGrid(
    axes: [
      Axis(key: "model.factors", values: ["32", "64", "128", "256"]),
      Axis(key: "model.regularization", values: ["0.003", "0.007", "0.015", "0.03", "0.07"]),
      Axis(key: "model.unobserved_weight", values: ["0.02", "0.05", "0.1", "0.2", "0.5"]),
    ], iterations: [2, 4, 8, 12, 16, 24])

  init(axes: [Axis], iterations: [Int]) {
    self.axes = axes
    self.iterations = iterations
  }

  /// Reads `{"model.factors": [32, 64], "unobserved_weight": 0.1, ...}`; the prefix `model.` is optional. Keys that are not in the grid
  /// keep their configured values.
  ///
  /// - Parameters:
  ///   - name: the name of the file, for errors.
  ///   - iterations: used if the grid does not set them.
  /// - Throws: `TuningError` with all problems.
  public init(json: Data, name: String, iterations: Int) throws(TuningError) {
    let lists: [String: Values]
    do { lists = try JSONDecoder().decode([String: Values].self, from: json) } catch {
      throw TuningError("\(name): \(Self.text(error))")
    }
    var problems: [String] = []
    var axes: [String: [String]] = [:]
    for (given, list) in lists.sorted(by: { $0.key < $1.key }) {
      let key = Self.keys.contains(given) ? given : "model." + given
      if !Self.keys.contains(key) {
        problems.append(Self.unknown(given))
      } else if axes[key] != nil {
        problems.append("\(key) is there twice")
      } else if list.values.isEmpty {
        problems.append("\(key) has no values")
      } else {
        axes[key] = Self.ordered(list.values)
        problems += list.values.compactMap { Self.complaint(key, $0) }
      }
    }
    if axes[Self.alphaKey] != nil, axes[Self.unobservedWeightKey] != nil {
      problems.append("\(Self.alphaKey) and \(Self.unobservedWeightKey) are two forms of one thing: leave one of them away")
    }
    guard problems.isEmpty else { throw TuningError("\(name): " + problems.joined(separator: "; ")) }
    let counts = axes.removeValue(forKey: Self.iterationsKey)?.compactMap { Int($0) }
    self.axes = axes.sorted { $0.key < $1.key }.map { Axis(key: $0.key, values: $0.value) }
    self.iterations = counts ?? [iterations]
    hasIterations = counts != nil
  }

  /// The number of points.
  public var size: Int { axes.reduce(1) { $0 * $1.values.count } }

  /// Returns the settings of the point without iterations, in the order of the axes.
  public func settings(at point: Point) -> [(key: String, value: String)] {
    zip(axes, point).map { ($0.key, $0.values[$1]) }
  }

  /// Returns the grid without the axes of these keys; fixing alpha also fixes the unobserved weight.
  public func fixing(_ keys: Set<String>, iterations fixed: Int) -> TuningGrid {
    let fixedKeys = keys.contains(Self.alphaKey) ? keys.union([Self.unobservedWeightKey]) : keys
    return TuningGrid(
      axes: axes.filter { !fixedKeys.contains($0.key) }, iterations: keys.contains(Self.iterationsKey) ? [fixed] : iterations)
  }

  /// The keys that the grid sets, including those with a single value.
  public var keys: [String] { axes.map(\.key) + (hasIterations ? [Self.iterationsKey] : []) }

  /// The point at which a search starts.
  var middle: Point { axes.map { ($0.values.count - 1) / 2 } }

  /// Returns the points one step away along one axis.
  func neighbours(of point: Point) -> [Point] {
    axes.indices.flatMap { axis in
      [point[axis] + 1, point[axis] - 1].filter(axes[axis].values.indices.contains).map { moved in
        var next = point
        next[axis] = moved
        return next
      }
    }
  }

  // MARK: Parsing

  private static func ordered(_ values: [String]) -> [String] {
    var seen: Set<String> = []
    let distinct = values.filter { seen.insert($0).inserted }
    let numbers = distinct.compactMap { Double($0) }
    guard numbers.count == distinct.count else { return distinct }
    return distinct.sorted { (Double($0) ?? 0) < (Double($1) ?? 0) }
  }

  private static func unknown(_ key: String) -> String {
    let near = Suggestion.nearest(to: key, in: keys, separator: ".").map { "; did you mean \($0)?" }
    return "unknown key \(key)" + (near ?? "; known: \(keys.joined(separator: ", "))")
  }

  private static func complaint(_ key: String, _ value: String) -> String? {
    do {
      _ = try ConfigurationLoader.load(flags: [(key, value)], searchPaths: [])
      return nil
    } catch { return error.problems.map { $0.message.replacing(" (flag)", with: "") }.joined(separator: "; ") }
  }

  private static func text(_ error: any Error) -> String {
    switch error {
    case DecodingError.typeMismatch(_, let context) where context.codingPath.isEmpty:
      "a grid is an object of lists, such as {\"factors\": [32, 64]}"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "\(context.codingPath[0].stringValue): \(context.debugDescription)"
    default: "this is not JSON: a grid looks like {\"factors\": [32, 64], \"unobserved_weight\": [0.1, 0.3]}"
    }
  }

  /// A value or a list of values: numbers and words.
  private struct Values: Decodable {
    var values: [String]

    init(from decoder: any Decoder) throws {
      if var list = try? decoder.unkeyedContainer() {
        values = []
        while !list.isAtEnd { values.append(try list.decode(Value.self).text) }
      } else {
        values = [try Value(from: decoder).text]
      }
    }
  }

  private struct Value: Decodable {
    var text: String

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Int.self) {
        text = String(number)
      } else if let number = try? container.decode(Double.self) {
        text = String(number)
      } else if let word = try? container.decode(String.self) {
        text = word
      } else {
        throw DecodingError.typeMismatch(
          String.self, .init(codingPath: decoder.codingPath, debugDescription: "expected a number, a word, or a list of them"))
      }
    }
  }
}

/// Why a search cannot start or continue; the description says how to fix it.
public struct TuningError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
