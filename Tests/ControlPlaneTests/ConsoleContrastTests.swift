import ConsoleFiles
import Foundation
import Testing

/// Contrasts of the page's colours by WCAG 2.1: at least 4.5 for text and 3 for what else must be seen.
@Suite struct ConsoleContrastTests {
  private struct Colour {
    let components: [Double]

    init?(hex: Substring) {
      guard hex.count == 6, let value = UInt32(hex, radix: 16) else { return nil }
      components = [16, 8, 0].map { Double(value >> $0 & 255) / 255 }
    }

    var luminance: Double {
      let linear = components.map { $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4) }
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    func contrast(_ other: Colour) -> Double {
      let (light, dark) = (max(luminance, other.luminance), min(luminance, other.luminance))
      return (light + 0.05) / (dark + 0.05)
    }
  }

  /// By name; light and dark.
  private static let colours: [String: [Colour]] = Dictionary(
    uniqueKeysWithValues: PageText.style.matches(of: /--([a-z-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\);/).map {
      (String($0.output.1), [Colour(hex: $0.output.2), Colour(hex: $0.output.3)].compactMap(\.self))
    })

  @Test(arguments: [
    ("text", ["ground", "card", "ok-ground", "warning-ground", "bad-ground"], 4.5),
    ("muted", ["ground", "card", "ok-ground", "warning-ground", "bad-ground"], 4.5),
    ("accent", ["ground", "card", "ok-ground", "warning-ground", "bad-ground"], 4.5),
    ("warning", ["card", "warning-ground"], 4.5), ("bad", ["card", "bad-ground"], 4.5), ("ok", ["card", "ok-ground"], 4.5),
    ("unknown", ["card"], 4.5), ("on-accent", ["accent"], 4.5),
  ])
  func everyTextCanBeRead(text: String, grounds: [String], least: Double) throws {
    for ground in grounds {
      for (theme, name) in ["light", "dark"].enumerated() {
        let contrast = try #require(Self.colours[text])[theme].contrast(try #require(Self.colours[ground])[theme])
        #expect(contrast >= least, "\(text) on \(ground), \(name): \(contrast)")
      }
    }
  }
}
