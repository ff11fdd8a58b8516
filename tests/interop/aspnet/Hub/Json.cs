// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace Jiro.Interop.Hub;

public static class Json
{
    /// <summary>As the hub writes its arguments: camelCase, null members left out.</summary>
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);
}
