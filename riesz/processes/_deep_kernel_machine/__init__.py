"""Deep kernel machines."""

from riesz.processes._deep_kernel_machine._kernel import LearnedKernel as LearnedKernel
from riesz.processes._deep_kernel_machine._machine import DeepKernelMachine as DeepKernelMachine
from riesz.processes._deep_kernel_machine._machine import DeepKernelPosterior as DeepKernelPosterior
